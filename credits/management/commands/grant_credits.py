"""Provide `manage.py grant_credits FILE`, which grants credits from a CSV file, each line once by its key."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.progress import ProgressBar
from credits.adjustments.bulk_grants import LineResult, Outcome, book_grants, check_grants
from credits.adjustments.grants_file import read_grants
from credits.errors import GrantsFileError
from credits.formatting import credits_amount

STANDARD_INPUT = "-"


class Command(BaseCommand):
    help = (
        "Grant credits from a CSV file with the columns account or email, amount, key, reason, and "
        "optionally reference, expires_at, promotional. All lines are checked before any is applied, "
        "each once per key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="CSV file in UTF-8; - for standard input")
        parser.add_argument("--dry-run", action="store_true", help="check everything, change nothing")
        parser.add_argument(
            "--above-limit",
            action="store_true",
            help="also apply lines above ADJUSTMENT_APPROVAL_ABOVE, on your own authority",
        )

    def handle(self, *args: Any, file: str, dry_run: bool, above_limit: bool, **options: Any) -> None:
        with _copied(file) as copy:
            checked = self._check(copy, above_limit)
            if dry_run:
                self.stdout.write(f"{checked.in_words('to apply')} Nothing was changed: this was a dry run.")
                return
            booked = self._count(book_grants(read_grants(_lines_of(copy))), copy, "Applying")
        self.stdout.write(booked.in_words("applied"))
        if booked.wrong:
            raise CommandError(
                f"{_counted(booked.wrong)} not applied. Run it again: lines already applied are skipped."
            )

    def _check(self, copy: BinaryIO, above_limit: bool) -> _Tally:
        """Check every line. Raises CommandError if any has a mistake."""
        results = check_grants(read_grants(_lines_of(copy)), above_limit=above_limit)
        try:
            checked = self._count(results, copy, "Checking")
        except GrantsFileError as error:
            raise CommandError(f"{error.message}. Nothing was changed.") from error
        if checked.wrong:
            raise CommandError(f"{_counted(checked.wrong)} wrong. Nothing was changed.")
        return checked

    def _count(self, results: Iterator[LineResult], copy: BinaryIO, what: str) -> _Tally:
        tally, place = _Tally(), copy.fileno()
        size = os.fstat(place).st_size
        os.lseek(place, 0, os.SEEK_SET)
        with ProgressBar(self.stdout, what) as bar:
            for result in results:
                tally.add(result)
                for mistake in result.mistakes:
                    bar.clear()
                    self.stderr.write(f"line {result.line.number}: {mistake}")
                bar.show(os.lseek(place, 0, os.SEEK_CUR) / size)
        return tally


@dataclass
class _Tally:
    """Lines by outcome; ``credits`` sums up the new ones."""

    new: int = 0
    repeated: int = 0
    wrong: int = 0
    credits: Decimal = Decimal(0)

    def add(self, result: LineResult) -> None:
        self.new += result.outcome is Outcome.NEW
        self.repeated += result.outcome is Outcome.REPEATED
        self.wrong += result.outcome is Outcome.WRONG
        self.credits += result.line.terms.amount if result.outcome is Outcome.NEW else 0

    def in_words(self, what: str) -> str:
        return (
            f"{self.new:,} {what}, {credits_amount(self.credits)} credits; {self.repeated:,} already applied."
        )


def _counted(lines: int) -> str:
    return "1 line is" if lines == 1 else f"{lines:,} lines are"


@contextmanager
def _copied(file: str) -> Iterator[BinaryIO]:
    """Copy the file to disk: a pipe can be read only once, and what is booked must be what was checked."""
    with tempfile.TemporaryFile() as copy:
        try:
            if file == STANDARD_INPUT:
                shutil.copyfileobj(sys.stdin.buffer, copy)
            else:
                with open(file, "rb") as source:
                    shutil.copyfileobj(source, copy)
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror or error}") from error
        copy.flush()
        yield copy


def _lines_of(copy: BinaryIO) -> TextIO:
    """Open the copy as text. Invalid UTF-8 becomes text that can't be stored, and is reported by field."""
    return open(copy.fileno(), encoding="utf-8-sig", errors="surrogateescape", newline="", closefd=False)
