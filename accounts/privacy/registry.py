"""What each app holds about a person. An app registers its part; `billing.privacy` exports and erases by all of them.

So a new app, or a new table, is a part of its own, and nobody else's code changes. A test compares the parts with every
table that points at a user or an account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from accounts.models import User


@dataclass(frozen=True)
class Obstacle:
    """What must be resolved before somebody can be erased: a stable code, and what to do about it."""

    code: str
    message: str


@dataclass(frozen=True)
class File:
    """One file of a person's export. ``about`` describes it in the README, ``models`` are those whose rows it holds,
    ``lines`` writes it; None: there is nothing to write.
    """

    name: str
    about: str
    models: tuple[str, ...]
    lines: Callable[[User], Iterator[str] | None]


class PersonalData:
    """One app's part of what is held about a person. Every method may stay as it is here, and does nothing then.

    Locks are taken in the order of ``lock_rank``, as everywhere else: 1 purchases, 2 teams, 3 accounts. Parts forget in
    the reverse order of registration: what hangs on a row before the row.
    """

    lock_rank = 0
    files: Sequence[File] = ()
    # Models that point at a person and are in no file, each with the reason.
    left_out: Mapping[str, str] = {}

    def bound(self, user: User) -> Sequence[QuerySet[Any]]:
        """Return the rows that would lose their person if the user were deleted: they must be erased instead."""
        return ()

    def lock(self, user: User) -> None:
        """Lock the user's rows until the transaction ends."""

    def obstacles(self, user: User, *, forfeit: bool) -> Iterable[Obstacle]:
        """Return what stands in the way. ``forfeit``: paid credits that remain may be lost."""
        return ()

    def count(self, user: User) -> Mapping[str, int]:
        """Count the rows that `forget` empties or deletes, by what they are called."""
        return {}

    def forget(self, user: User) -> None:
        """Delete what says who the locked user is. Their own row still does: it goes last."""


_PARTS: list[PersonalData] = []


def register(part: PersonalData) -> None:
    """Register an app's part, once, when the app is ready."""
    _PARTS.append(part)


def registered() -> Sequence[PersonalData]:
    """Return all parts in the order of registration."""
    return tuple(_PARTS)
