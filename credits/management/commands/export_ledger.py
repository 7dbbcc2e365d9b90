"""Provide `manage.py export_ledger`, which writes the ledger, or a period of it, to a CSV file."""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.days import start_of
from core.progress import ProgressBar
from credits.ledger.entries_csv import COLUMNS, OLDEST_FIRST, entry_batches, rows_of
from credits.ledger.entry_times import entries_between, id_range
from credits.ledger.models import Entry


class Command(BaseCommand):
    help = "Write the ledger's entries to a CSV file, oldest first. Never overwrites a file."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="first", type=_day, help="first day, in the site's time zone")
        parser.add_argument("--to", dest="last", type=_day, help="last day, inclusive")
        parser.add_argument("--output", required=True, type=Path, metavar="FILE")

    def handle(self, *args: Any, first: date | None, last: date | None, output: Path, **options: Any) -> None:
        start = start_of(first) if first else None
        end = start_of(last + timedelta(days=1)) if last else None
        if start and end and start >= end:
            raise CommandError(f"The period ends ({last}) before it starts ({first}).")
        try:
            with output.open("x", encoding="utf-8", newline="") as file:
                written = self._write(file, start, end)
        except FileExistsError as error:
            raise CommandError(f"{output} already exists. Choose another file.") from error
        self.stdout.write(f"Wrote {written:,} entries to {output}.")

    def _write(self, file: TextIO, start: datetime | None, end: datetime | None) -> int:
        lines = csv.writer(file)
        lines.writerow(COLUMNS)
        lowest, highest = id_range(start, end)
        written = 0
        with ProgressBar(self.stdout, "Writing") as bar:
            for batch in entry_batches(entries_between(Entry.objects.all(), start, end), OLDEST_FIRST):
                lines.writerows(rows_of(batch))
                written += len(batch)
                bar.show(_share(batch[-1].pk, lowest, highest))
        return written


def _share(reached: int, lowest: int, highest: int) -> float:
    """Return the share that is done; 1 also for entries booked during the export."""
    if highest <= lowest:
        return 1
    return min(1, (reached - lowest + 1) / (highest - lowest + 1))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text} is not a date. Use the form 2026-11-30.") from error
