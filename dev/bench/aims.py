"""What the project promises of its ledger's speed, as ratios, and whether this run kept it."""

from __future__ import annotations

from dataclasses import dataclass

from dev.bench.load import HOT_4, MANY_4, Load
from dev.bench.results import Results


@dataclass(frozen=True)
class Aim:
    """``contender`` is at least ``ratio`` times as fast as ``yardstick``."""

    text: str
    contender: str
    yardstick: str
    load: Load
    ratio: float


@dataclass(frozen=True)
class Verdict:
    """``measured`` and ``kept`` are None where one of the two could not be measured."""

    text: str
    wanted: str
    measured: float | None
    kept: bool | None


SPEND = "`spend` through Django"
AIMS = (
    Aim(f"{SPEND} to pgbench's least statement", "spend", "pgbench", MANY_4, 0.45),
    Aim(f"{SPEND} to psycopg calling the same function", "spend", "psycopg-function", MANY_4, 0.8),
    Aim(f"{SPEND} to django-hordak, balance checked", "spend", "hordak", MANY_4, 8),
    Aim(f"{SPEND} to pgledger, all to one account", "spend", "pgledger", MANY_4, 2.5),
    Aim(f"{SPEND} to pgledger, to a thousand accounts", "spend", "pgledger-spread", MANY_4, 2.5),
    Aim(f"{SPEND} to the plain way in Django", "spend", "plain", MANY_4, 4),
    Aim(
        "`spend_many` on one hot account to pgbench's one at a time", "spend-many-1000", "pgbench", HOT_4, 10
    ),
    Aim("the hash chain's cost: with it to without it", "pgbench-function", "pgbench-unchained", MANY_4, 0.9),
    Aim("a spend over HTTP, API key, to DRF's empty view", "http-key", "http-empty", MANY_4, 1),
    Aim("a spend over HTTP, client token, to DRF's empty view", "http-token", "http-empty", MANY_4, 1),
)


def judge(results: Results, aims: tuple[Aim, ...] = AIMS) -> list[Verdict]:
    """The aims whose two took part, each with its ratio. Rounded as it is shown: what reads 0.80 kept 0.8."""
    verdicts = []
    for aim in aims:
        if not (results.took_part(aim.contender) and results.took_part(aim.yardstick)):
            continue
        ratio = results.ratio(aim.contender, aim.yardstick, aim.load)
        kept = None if ratio is None else round(ratio, 2) >= aim.ratio
        verdicts.append(Verdict(aim.text, f"at least {aim.ratio:g}", ratio, kept))
    return verdicts
