"""`manage.py load_catalog FILE`: puts a catalogue file on sale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.catalog import load_catalog
from billing.catalog_file import read_catalog
from billing.errors import CatalogError
from billing.models import Package


class Command(BaseCommand):
    help = "Creates and updates the packages of a catalogue file, and takes those off sale that it lacks."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="for example billing/catalogs/standard.toml")
        parser.add_argument(
            "--keep-others", action="store_true", help="leave packages on sale that the file lacks"
        )

        parser.add_argument(
            "--if-empty", action="store_true", help="do nothing where there are packages already"
        )

    def handle(self, *args: Any, file: Path, keep_others: bool, if_empty: bool, **options: Any) -> None:
        if if_empty and Package.objects.exists():
            self.stdout.write("There are packages already: left as they are.")
            return
        try:
            loaded = load_catalog(read_catalog(file), keep_others=keep_others)
        except CatalogError as error:
            raise CommandError(error.message) from error
        for item in loaded:
            package = item.package
            self.stdout.write(
                f"{item.outcome:<10}{package.code:<14}{package.credits:>12,.0f} credits  {package.price}"
            )
        self.stdout.write(f"{len(loaded)} packages. Next: manage.py sync_catalog")
