"""Decide whether the replica may answer: whether it is there, recent enough, and has what its reader must see."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from time import monotonic, sleep

import structlog
from django.conf import settings
from django.db import connections

from core.breaker import Breaker
from core.database.replica.positions import RECENT, NotAReplica, Sample, replayed_position
from core.database.replica.routing import PRIMARY, REPLICA, has_replica
from core.outages import DATABASE_AWAY

logger = structlog.get_logger(__name__)

PATIENCE_S = 0.2
# After a wait in vain nobody waits for so long.
IMPATIENT_FOR_S = 1.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.002, 0.02
# A replica that is behind for less is nothing to report.
LONG_S = 1.0
NOWHERE = -1


class Lag:
    """What a process knows of the replica's lag. Its growing too long and its end are logged once each."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._is_behind = False
        self._impatient_until = 0.0

    @property
    def patience_s(self) -> float:
        return PATIENCE_S if monotonic() >= self._impatient_until else 0.0

    def note_wait_in_vain(self) -> None:
        self._impatient_until = monotonic() + IMPATIENT_FOR_S

    def note(self, sample: Sample, replayed: int) -> None:
        """Note whether the replica has what the primary had when the sample was read."""
        age_s = monotonic() - sample.at
        is_behind = replayed < sample.position
        if is_behind and age_s < LONG_S:
            return
        with self._lock:
            if is_behind == self._is_behind:
                return
            self._is_behind = is_behind
        if is_behind:
            logger.warning("replica_behind", seconds=round(age_s), bytes=sample.position - replayed)
        else:
            logger.info("replica_caught_up")


BREAKER = Breaker("replica", *DATABASE_AWAY, NotAReplica)
LAG = Lag()


def fresh_place(needed: Callable[[], int]) -> str:
    """Return the alias to read from: the replica's if it has replayed the position that ``needed`` returns.

    It waits for that a little. ``needed`` may ask the primary.
    """
    if not has_replica() or connections[PRIMARY].in_atomic_block:
        return PRIMARY
    replayed = BREAKER.ask(replayed_position, NOWHERE)
    if replayed == NOWHERE:
        return PRIMARY
    try:
        oldest, wanted = RECENT.oldest_within(settings.DATABASE_REPLICA_LAG_SECONDS), needed()
    except DATABASE_AWAY:
        return PRIMARY  # which is away: whoever reads from it next says so
    position = max(oldest.position, wanted)
    replayed = _wait_for(position, replayed)
    if replayed == NOWHERE:
        return PRIMARY
    LAG.note(oldest, replayed)
    return REPLICA if replayed >= position else PRIMARY


def _wait_for(position: int, replayed: int) -> int:
    """Return the replica's position once it has the asked one, or when patience ends."""
    if replayed >= position:
        return replayed
    ends_at, pause = monotonic() + LAG.patience_s, FIRST_PAUSE_S
    while replayed < position:
        if monotonic() >= ends_at:
            LAG.note_wait_in_vain()
            return replayed
        sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_S)
        replayed = BREAKER.ask(replayed_position, NOWHERE)
    return replayed
