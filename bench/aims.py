"""State what the project promises of its ledger's speed, as ratios, and judge whether a run kept it."""

from __future__ import annotations

from dataclasses import dataclass

from bench.load import HOT_4, MANY_4, Load
from bench.results import Results


@dataclass(frozen=True)
class Aim:
    """``contender`` is at least ``ratio`` times as fast as ``yardstick``."""

    text: str
    contender: str
    yardstick: str
    ratio: float
    load: Load = MANY_4


@dataclass(frozen=True)
class Verdict:
    """``measured`` and ``kept`` are None if one of the two could not be measured."""

    aim: Aim
    measured: float | None
    kept: bool | None


SPEND = "`spend` through Django"
AIMS = (
    Aim(f"{SPEND} to pgbench's least statement", "spend", "pgbench", 0.45),
    Aim(f"{SPEND} to psycopg calling the same function", "spend", "psycopg-function", 0.8),
    Aim(f"{SPEND} to django-hordak, balance checked", "spend", "hordak", 8),
    Aim(f"{SPEND} to pgledger, all to one account", "spend", "pgledger", 2.5),
    Aim(f"{SPEND} to pgledger, to a thousand accounts", "spend", "pgledger-spread", 2.5),
    Aim(f"{SPEND} to the plain way in Django", "spend", "plain", 4),
    Aim(
        "`spend_many` on one hot account to pgbench's one at a time", "spend-many-1000", "pgbench", 10, HOT_4
    ),
    Aim("the hash chain's cost: with it to without it", "pgbench-function", "pgbench-unchained", 0.9),
    Aim("a spend over HTTP, API key, to DRF's empty view", "http-key", "http-empty", 1),
    Aim("a spend over HTTP, client token, to DRF's empty view", "http-token", "http-empty", 1),
)


def judge(results: Results, aims: tuple[Aim, ...] = AIMS) -> list[Verdict]:
    """Judge the aims whose contender and yardstick took part. Rounded as shown: what reads 0.80 kept 0.8."""
    verdicts = []
    for aim in aims:
        if results.took_part(aim.contender) and results.took_part(aim.yardstick):
            ratio = results.ratio(aim.contender, aim.yardstick, aim.load)
            verdicts.append(Verdict(aim, ratio, None if ratio is None else round(ratio, 2) >= aim.ratio))
    return verdicts
