"""Sum up the promotions: each killed primary must have had one, in time, and nobody be let down outside of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from dev.trial.log import Attempt, Log
from dev.trial.proof import Findings

# Around a promotion requests may fail: from shortly before, when they were sent, to when connections are made again.
BEFORE_S, AFTER_S = 2, 4
# From a primary's death until the next takes writes, and for how long none may be acknowledged; more is a defect.
RECOVERY_S = 30

Span = tuple[float, float]


@dataclass(frozen=True)
class Promotion:
    """How long no spend was acknowledged around a promotion, and how many requests failed meanwhile."""

    seconds_without_writes: float
    failed: int


def sum_up(kills: Sequence[Span], promotions: Sequence[Span], log: Log, found: Findings) -> list[Promotion]:
    """Sum up the promotions, and add to ``found`` the kills that none followed in time, and what failed outside.

    Kills and promotions are spans by the monotonic clock; a promotion's ends when the new primary takes writes.
    """
    _check_kills(kills, promotions, found)
    windows = [(begun - BEFORE_S, ended + AFTER_S) for begun, ended in promotions]
    for attempt in log.failures_outside(windows):
        found.wrong.append(f"{attempt.kind} was let down ({attempt.status}) outside of a promotion")
    summed = [
        Promotion(log.seconds_without_writes(*window), sum(_is_within(each, window) for each in log.attempts))
        for window in windows
    ]
    for promotion in summed:
        if promotion.seconds_without_writes > RECOVERY_S:
            found.wrong.append(
                f"no spend was acknowledged for {promotion.seconds_without_writes:.1f} s around a promotion"
            )
    return summed


def _check_kills(kills: Sequence[Span], promotions: Sequence[Span], found: Findings) -> None:
    moments = [*sorted(begun for begun, _ended in kills), math.inf]
    for killed_at, next_kill in pairwise(moments):
        promoted_at = min(
            (ended for _begun, ended in promotions if killed_at < ended <= next_kill), default=None
        )
        if promoted_at is None:
            found.wrong.append("the primary was killed, and no standby was promoted")
        elif promoted_at - killed_at > RECOVERY_S:
            found.wrong.append(
                f"the next primary took writes {promoted_at - killed_at:.1f} s after the last was killed"
            )


def _is_within(attempt: Attempt, window: Span) -> bool:
    return attempt.failed and attempt.sent_at <= window[1] and attempt.answered_at >= window[0]
