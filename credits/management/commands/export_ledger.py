"""Provide `manage.py export_ledger`, which writes the ledger, or a period of it, to a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Max, Min, QuerySet

from core.database.replica.commands import add_replica_option, reading_where_asked
from core.days import start_of
from core.progress import ProgressBar
from credits.ledger.entries_csv import COLUMNS, OLDEST_FIRST, entry_batches, rows_of
from credits.ledger.models import Entry

DAY = timedelta(days=1)


class Command(BaseCommand):
    help = "Write the ledger's entries to a CSV file, oldest first. Never overwrites a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="first", type=_day, help="first day, in the site's time zone")
        parser.add_argument("--to", dest="last", type=_day, help="last day, inclusive")
        parser.add_argument("--output", required=True, type=Path, metavar="FILE")
        add_replica_option(parser)

    def handle(
        self,
        *args: Any,
        first: date | None,
        last: date | None,
        output: Path,
        replica: bool = False,
        **options: Any,
    ) -> None:
        if first and last and first > last:
            raise CommandError(f"The period ends ({last}) before it starts ({first}).")
        entries = Entry.objects.all()
        if first:
            entries = entries.filter(created_at__gte=start_of(first))
        if last:
            entries = entries.filter(created_at__lt=start_of(last + DAY))
        try:
            with reading_where_asked(self, replica), output.open("x", encoding="utf-8", newline="") as file:
                written = self._write(file, entries)
        except FileExistsError as error:
            raise CommandError(f"{output} already exists. Choose another file.") from error
        self.stdout.write(f"Wrote {written:,} entries to {output}.")

    def _write(self, file: TextIO, entries: QuerySet[Entry]) -> int:
        lines = csv.writer(file)
        lines.writerow(COLUMNS)
        written = 0
        days = list(_days(entries))
        with ProgressBar(self.stdout, "Writing") as bar:
            for done, day in enumerate(days, start=1):
                for batch in entry_batches(day, OLDEST_FIRST):
                    lines.writerows(rows_of(batch))
                    written += len(batch)
                bar.show(done / len(days))
        return written


def _days(entries: QuerySet[Entry]) -> Iterator[QuerySet[Entry]]:
    """Yield the entries of each 24 hours: a batch sorts all that follow it in its query, so the query stays short."""
    bounds = entries.aggregate(first=Min("created_at"), last=Max("created_at"))
    start = bounds["first"]
    while start and start <= bounds["last"]:
        yield entries.filter(created_at__gte=start, created_at__lt=start + DAY)
        start += DAY


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text} is not a date. Use the form 2026-11-30.") from error
