"""Register what each app holds about a user; `billing.privacy` exports and erases all of it.

A new app or table adds its own part and changes no other code. A test finds tables that no part covers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from core.csv_lines import as_cells, csv_lines
from core.database.row_batches import in_row_batches


@dataclass(frozen=True)
class Obstacle:
    """A reason why a user can't be erased yet: a stable code, and what to do about it."""

    code: str
    message: str


@dataclass(frozen=True)
class File:
    """A file of an export. ``about`` is for the README, ``models`` have its rows, ``lines`` writes it or returns
    None.
    """

    name: str
    about: str
    models: tuple[str, ...]
    lines: Callable[[User], Iterator[str] | None]


def csv_file(
    name: str,
    about: str,
    models: tuple[str, ...],
    columns: Mapping[str, str],
    rows: Callable[[User], QuerySet[Any]],
    order: Sequence[str] = ("id",),
) -> File:
    """Return a file with a line per row: each column's name, and the attribute of the row that it shows."""

    def lines(user: User) -> Iterator[str]:
        values = attrgetter(*columns.values())
        batches = in_row_batches(rows(user), order)
        return csv_lines(list(columns), (map(as_cells, map(values, batch)) for batch in batches))

    return File(name, about, models, lines)


class PersonalData:
    """One app's part of a user's personal data. Every method does nothing unless overridden.

    Locks are taken in the order of ``lock_rank``, as everywhere: 1 purchases, 2 teams, referrers, 3 accounts. Parts
    are erased in reverse order of registration, so dependent rows go first.
    """

    lock_rank = 0
    files: Sequence[File] = ()
    # Models that refer to a user and are in no file, each with the reason.
    left_out: Mapping[str, str] = {}

    def bound(self, user: User) -> Sequence[QuerySet[Any]]:
        """Return the rows that would lose their user if it were deleted: such a user must be erased instead."""
        return ()

    def lock(self, user: User) -> None:
        """Lock the user's rows until the transaction ends."""

    def obstacles(self, user: User, *, forfeit: bool) -> Iterable[Obstacle]:
        """Return what prevents the erasure. ``forfeit``: remaining paid credits may be forfeited."""
        return ()

    def count(self, user: User) -> Mapping[str, int]:
        """Count the rows that `erase` empties or deletes, by name."""
        return {}

    def erase(self, user: User) -> None:
        """Delete the locked user's personal data, except in the user's own row, which is emptied last."""


_PARTS: list[PersonalData] = []


def register(part: PersonalData) -> None:
    """Register an app's part, once, when the app is ready."""
    _PARTS.append(part)


def registered() -> Sequence[PersonalData]:
    """Return all parts in the order of registration."""
    return tuple(_PARTS)
