"""Provide `manage.py check_ledger`, which proves every invariant of the ledger over the whole database."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, transaction

from core.database.replica.commands import add_replica_option, reading_where_asked
from core.database.replica.routing import PRIMARY, reading_connection, reading_place
from credits.ledger.models import Account, Entry, Lot
from credits.proof.chain import Head, head_at, parse_head, take_head
from credits.proof.checking import INVARIANTS, find_violations
from credits.proof.recording import Variant, note_proof


class Command(BaseCommand):
    help = (
        "Check every invariant of the ledger and list violations; exits with 1 if there are any. Prints "
        "a head to keep elsewhere, for --since to compare the history with later."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="print violations only")
        parser.add_argument(
            "--since",
            type=parse_head,
            metavar="HEAD",
            help="head of an earlier run, to check that its history is unchanged",
        )
        add_replica_option(parser)

    def handle(
        self, *args: Any, quiet: bool, since: Head | None, replica: bool = False, **options: Any
    ) -> None:
        with reading_where_asked(self, replica):
            # While the replica is away, it is the primary that is proven.
            variant = Variant(of_replica=reading_place() != PRIMARY, with_history=since is not None)
            found = self._violations(since)
            counts = "" if quiet or found else _counts()
        self._record(found, variant)
        if found:
            self.stderr.write(f"The ledger check failed: {found} violation(s).")
            sys.exit(1)
        if not quiet:
            self.stdout.write(f"The ledger is intact: {len(INVARIANTS)} invariants hold over {counts}.")
            self.stdout.write(f"head {take_head()}")

    def _record(self, found: int, variant: Variant) -> None:
        """Record the run for monitoring. Where this database can't be written, as in a scratch copy, the check counts
        all the same.
        """
        try:
            note_proof(found, variant)
        except DatabaseError as error:
            self.stderr.write(f"This run couldn't be recorded for monitoring: {str(error).strip()}")

    def _violations(self, since: Head | None) -> int:
        """Print each violation; return how many there are."""
        with transaction.atomic(using=reading_place()):
            # One snapshot for all queries, so that concurrent writes can't look like violations.
            with reading_connection().cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            return self._print_violations(since)

    def _print_violations(self, since: Head | None) -> int:
        found = 0
        for violation in find_violations():
            found += 1
            self.stdout.write(f"VIOLATION {violation.invariant}: {violation.subject}: {violation.detail}")
        if since is not None and head_at(since.at) != since:
            found += 1
            self.stdout.write(
                f"VIOLATION history_is_the_same: {since.at}: the entries from before it no longer match that head: "
                "some were changed, removed or inserted, or an account was rewritten"
            )
        return found


def _counts() -> str:
    return f"{Account.objects.count()} accounts, {Lot.objects.count()} lots, {Entry.objects.count()} entries"
