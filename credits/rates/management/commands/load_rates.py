from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from credits.rates.card_file import read_card
from credits.rates.errors import RateCardError
from credits.rates.loading import LoadedRow, load_card
from credits.rates.models import Rate


class Command(BaseCommand):
    help = "Apply the rates and markups of a card file. Rates it lacks stay unchanged."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="such as credits/rates/cards/demo.toml")
        parser.add_argument("--dry-run", action="store_true", help="show what would change, change nothing")
        parser.add_argument("--if-empty", action="store_true", help="do nothing if rates exist")

    def handle(self, *args: Any, file: Path, dry_run: bool, if_empty: bool, **options: Any) -> None:
        if if_empty and Rate.objects.exists():
            self.stdout.write("Rates already exist; left unchanged.")
            return
        try:
            loaded = load_card(read_card(file), dry_run=dry_run)
        except RateCardError as error:
            raise CommandError(error.message) from error
        for item in loaded:
            self.stdout.write(_line(item))
        done = (
            "Nothing was changed: this was a dry run." if dry_run else "Prices are in credits, before markup."
        )
        self.stdout.write(f"{len(loaded)} rows. {done}")


def _line(item: LoadedRow) -> str:
    row = item.row
    value = row.price_in_words if isinstance(row, Rate) else row.percent_in_words
    return f"{item.outcome:<10}{row!s:<40}{value:>20}  from {row.effective_from:%Y-%m-%d %H:%M %Z}"
