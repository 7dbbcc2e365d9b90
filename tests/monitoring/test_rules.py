"""The alert rules fire and stay silent as their tests say, and each has its section in the runbook."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.monitoring.scraping import ALERTS, PROMETHEUS, ROOT, alerts, panel_expressions, panels
from tests.support.programs import needed

RUNBOOK = ROOT / "docs" / "runbook.md"
TESTS = sorted((PROMETHEUS / "tests").glob("*_test.yml"))
ALERTNAME = re.compile(r'alertname="(\w+)"')


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [needed("promtool"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def named() -> list[str]:
    return [str(rule["alert"]) for rule in alerts()]


def expectations() -> list[tuple[str, bool]]:
    """What the tests expect: the alert's name, and whether it fires there."""
    found = []
    for path in TESTS:
        for test in yaml.safe_load(path.read_text())["tests"]:
            for asked in test["promql_expr_test"]:
                fired = {
                    name
                    for each in asked["exp_samples"]
                    if "firing" in each["labels"]
                    for name in ALERTNAME.findall(each["labels"])
                }
                found += [(name, True) for name in fired]
                found += [
                    (name, False)
                    for name in named()
                    if not fired and re.search(pattern_of(asked["expr"]), name)
                ]
    return found


def pattern_of(expression: str) -> str:
    pattern = re.search(r'alertname=~?"([^"]+)"', expression)
    assert pattern, expression
    return f"^({pattern[1]})$"


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_each_alert_fires_and_stays_silent_as_expected(path: Path) -> None:
    ran = promtool("test", "rules", path)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_each_alert_is_seen_firing_and_silent() -> None:
    expected = expectations()
    assert {name for name, fires in expected if fires} == set(named())
    assert {name for name, fires in expected if not fires} >= set(named()) - {"TargetMissing"}


def test_the_rules_and_the_example_of_a_configuration_are_valid() -> None:
    for ran in (
        promtool("check", "rules", "--lint=all", "--lint-fatal", ALERTS),
        promtool("check", "config", "--syntax-only", PROMETHEUS / "prometheus.yml"),
    ):
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_each_alert_says_how_urgent_it_is_and_where_to_read_on() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in {"critical", "warning"}, rule["alert"]
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]
        assert rule["annotations"]["runbook_url"] == "{{ $externalLabels.runbook }}#" + rule["alert"].lower()


def test_each_alert_has_its_section_in_the_runbook_and_the_other_way_round() -> None:
    sections = re.findall(r"^## (\w+)$", RUNBOOK.read_text(), re.MULTILINE)
    assert sections == named(), "in the order of the rules"


def test_the_dashboards_expressions_can_be_parsed(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(panel_expressions())
    ]
    asked = tmp_path / "panels.yml"
    asked.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))  # JSON is YAML
    ran = promtool("check", "rules", asked)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(rules) > 40


def test_the_dashboard_asks_the_data_source_that_its_reader_chooses() -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text())
    assert [each["type"] for each in dashboard["templating"]["list"]] == ["datasource"]
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels():
        assert [panel["datasource"], *(target["datasource"] for target in panel["targets"])].count(
            chosen
        ) == 1 + len(panel["targets"])
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
