"""`make bench` computes what it says, and every contender really spends. How fast anything is, no test asks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import document
from bench.aims import Aim, judge
from bench.contenders import BY_NAME, CONTENDERS
from bench.hosts import ContenderFailed, Measurement
from bench.load import HOT_4, MANY_4, QUICK
from bench.pgbench import parse_output
from bench.report import spends_table
from bench.results import Results, figure_of
from bench.tables import as_markdown, as_text

ROOT = Path(__file__).resolve().parent.parent.parent
PGBENCH_SAYS = """transaction type: /tmp/x.sql
number of transactions actually processed: 5903
number of failed transactions: {failed} (0.000%)
latency average = 0.669 ms
initial connection time = 7.812 ms
tps = 5980.119623 (without initial connection time)
"""


def results(**rates: list[float]) -> Results:
    filled = Results()
    for name, values in rates.items():
        for value in values:
            filled.add(name, MANY_4, Measurement(value))
    return filled


def aim(ratio: float) -> Aim:
    return Aim("ours to theirs", "ours", "theirs", ratio)


def test_a_figure_is_the_median_of_its_rounds_with_their_spread() -> None:
    figure = figure_of([90.0, 400.0, 110.0, 100.0, 80.0])
    assert figure.median == 100.0
    assert figure.spread == pytest.approx(3.2)


def test_a_ratio_is_the_median_of_the_rounds_own_under_the_same_load() -> None:
    filled = results(
        ours=[10.0, 500.0, 20.0], theirs=[40.0, 1000.0, 40.0]
    )  # the machine was free in the second
    filled.add("theirs", HOT_4, Measurement(1.0))
    assert filled.ratio("ours", "theirs", MANY_4) == 0.5
    assert filled.ratio("ours", "theirs", HOT_4) is None


@pytest.mark.parametrize(("wanted", "kept"), [(0.45, True), (0.5, True), (0.51, False)])
def test_an_aim_is_kept_from_its_ratio_on(wanted: float, kept: bool) -> None:
    [verdict] = judge(results(ours=[50.0], theirs=[100.0]), (aim(wanted),))
    assert (verdict.measured, verdict.kept) == (0.5, kept)


def test_an_aim_without_its_figures_is_neither_kept_nor_missed() -> None:
    filled = results(ours=[50.0])
    filled.absent["theirs"] = "not at hand"
    [verdict] = judge(filled, (aim(0.1),))
    assert (verdict.measured, verdict.kept) == (None, None)


def test_of_a_part_that_did_not_run_no_aim_is_judged() -> None:
    assert judge(results(theirs=[50.0]), (aim(0.1),)) == []
    assert judge(results(ours=[50.0]), (aim(0.1),)) == []


def test_pgbenchs_report_is_read() -> None:
    measured = parse_output(PGBENCH_SAYS.format(failed=0))
    assert (measured.per_second, measured.finished) == (5980.119623, 5903)


def test_failed_transactions_are_no_figure() -> None:
    with pytest.raises(ContenderFailed):
        parse_output(PGBENCH_SAYS.format(failed=3))


def test_who_could_not_be_measured_stands_in_the_table_with_the_reason() -> None:
    filled = results(pgbench=[200.0], spend=[100.0])
    filled.absent["pgledger"] = "not at hand: set PGLEDGER_SQL"
    chosen = [BY_NAME[name] for name in ("pgbench", "spend", "pgledger")]
    rows = spends_table(filled, chosen, MANY_4)
    assert [row[1:] for row in rows[1:]] == [
        ("200", "±0%", "1.00", "█" * 20),
        ("100", "±0%", "0.50", "█" * 10 + "░" * 10),
        ("not at hand: set PGLEDGER_SQL", "", "", ""),
    ]
    assert "set PGLEDGER_SQL" in as_text(rows)
    assert as_markdown(rows).count("\n") == len(rows)


def test_writing_keeps_what_stands_around_the_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(document.DOCUMENT.read_text())
    monkeypatch.setattr(document, "DOCUMENT", page)
    run = document.Run(results(pgbench=[200.0], spend=[100.0]), QUICK, [], ["On a test."])
    for _ in range(2):
        document.write_document(run)
    text, old = page.read_text(), (ROOT / "docs" / "benchmarks.md").read_text()
    assert "| ledger.spend through Django | 100 | ±0% | 0.50 | ██████████░░░░░░░░░░ |" in text
    assert text.split(document.BEGIN)[0] == old.split(document.BEGIN)[0]
    assert text.split(document.END)[1] == old.split(document.END)[1]


def test_the_aims_compare_contenders_that_there_are() -> None:
    from bench.aims import AIMS
    from bench.parts.http import CALLERS

    known = {each.name for each in CONTENDERS} | {each.name for each in CALLERS}
    assert {name for item in AIMS for name in (item.contender, item.yardstick)} <= known


def test_the_other_ledgers_run_on_our_versions_of_django_and_psycopg() -> None:
    pin = re.compile(r"^(django|psycopg|psycopg-binary)==([\w.]+)", re.MULTILINE)
    theirs = dict(pin.findall((ROOT / "bench/requirements.txt").read_text()))
    assert theirs == dict(pin.findall((ROOT / "requirements.txt").read_text()))
    assert theirs.keys() == {"django", "psycopg", "psycopg-binary"}
