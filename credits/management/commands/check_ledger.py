"""`manage.py check_ledger`: proves every invariant of the ledger over the whole database."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, transaction

from credits.ledger.models import Account, Entry, Lot
from credits.proof.chain import Head, head_at, parse_head, take_head
from credits.proof.checking import INVARIANTS, find_violations


class Command(BaseCommand):
    help = (
        "Proves every invariant of the ledger; names each violation and exits with 1 when there is one. "
        "Prints a head to keep elsewhere, against which --since holds the history later."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="print violations only")
        parser.add_argument(
            "--since",
            type=parse_head,
            metavar="HEAD",
            help="a head of an earlier run: is its history still the same?",
        )

    def handle(self, *args: Any, quiet: bool, since: Head | None, **options: Any) -> None:
        found = self._violations(since)
        if found:
            self.stderr.write(f"The ledger is broken: {found} violation(s).")
            sys.exit(1)
        if not quiet:
            counts = f"{Account.objects.count()} accounts, {Lot.objects.count()} lots, {Entry.objects.count()} entries"
            self.stdout.write(f"The ledger is whole: {len(INVARIANTS)} invariants hold over {counts}.")
            self.stdout.write(f"head {take_head()}")

    @transaction.atomic
    def _violations(self, since: Head | None) -> int:
        """Names each; how many there are."""
        # One snapshot for all queries, so that writers at work can't look like violations.
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        found = 0
        for violation in find_violations():
            found += 1
            self.stdout.write(f"VIOLATION {violation.invariant}: {violation.subject}: {violation.detail}")
        if since is not None and head_at(since.entry_id) != since:
            found += 1
            self.stdout.write(
                f"VIOLATION history_is_the_same: entry {since.entry_id}: the entries up to it are not those of that "
                "head any more: some were altered, taken away or put in, or an account was written anew"
            )
        return found
