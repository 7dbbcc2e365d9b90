"""`manage.py check_ledger`: proves every invariant of the ledger over the whole database."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, transaction

from credits.models import Account, Entry, Lot
from credits.proof import INVARIANTS, find_violations


class Command(BaseCommand):
    help = "Proves every invariant of the ledger; names each violation and exits with 1 when there is one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="print violations only")

    @transaction.atomic
    def handle(self, *args: Any, quiet: bool, **options: Any) -> None:
        # One snapshot for all queries, so that writers at work can't look like violations.
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        found = 0
        for violation in find_violations():
            found += 1
            self.stdout.write(f"VIOLATION {violation.invariant}: {violation.subject}: {violation.detail}")
        if found:
            self.stderr.write(f"The ledger is broken: {found} violation(s).")
            sys.exit(1)
        if not quiet:
            counts = f"{Account.objects.count()} accounts, {Lot.objects.count()} lots, {Entry.objects.count()} entries"
            self.stdout.write(f"The ledger is whole: {len(INVARIANTS)} invariants hold over {counts}.")
