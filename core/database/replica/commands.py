"""Let commands that read much choose the replica."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.database.replica.reading import reading_from_replica
from core.database.replica.routing import PRIMARY, has_replica
from core.outages import DATABASE_AWAY


def add_replica_option(parser: CommandParser) -> None:
    parser.add_argument(
        "--replica", action="store_true", help="read from the replica, once it has all that is committed now"
    )


@contextmanager
def reading_where_asked(command: BaseCommand, replica: bool) -> Iterator[None]:
    """Read from the replica with ``--replica``. Without it, or while the replica is away, from the primary.

    Raises:
        CommandError: there is no replica, or it failed meanwhile; says what to do.
    """
    if not replica:
        yield
        return
    if not has_replica():
        raise CommandError("There is no replica: set DATABASE_REPLICA_URL, or leave --replica out.")
    with reading_from_replica() as reading:
        if reading.place == PRIMARY:
            command.stderr.write("The replica is away or behind: reading from the primary.")
        try:
            yield
        except DATABASE_AWAY as error:
            if reading.place == PRIMARY:
                raise
            said = str(error).partition("\n")[0]
            raise CommandError(
                f"The replica failed: {said}. Run this again, or without --replica."
            ) from error
