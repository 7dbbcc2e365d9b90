"""Put a catalogue file on sale: `manage.py load_catalog FILE`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.errors import CatalogError
from billing.packages.catalog import load_catalog
from billing.packages.catalog_file import read_catalog
from billing.packages.models import CUSTOM_CODE, CustomAmount, Package
from billing.plans.models import Plan


class Command(BaseCommand):
    help = "Create and update packages and plans from a catalogue file, and take those it lacks off sale."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="such as billing/packages/catalogs/standard.toml")
        parser.add_argument("--keep-others", action="store_true", help="keep what the file lacks on sale")
        parser.add_argument("--if-empty", action="store_true", help="do nothing if packages exist")
        parser.add_argument("--dry-run", action="store_true", help="show what would change, change nothing")

    def handle(
        self, *args: Any, file: Path, keep_others: bool, if_empty: bool, dry_run: bool, **options: Any
    ) -> None:
        if if_empty and Package.objects.exists():
            self.stdout.write("Packages already exist; left unchanged.")
            return
        try:
            loaded = load_catalog(read_catalog(file), keep_others=keep_others, dry_run=dry_run)
        except CatalogError as error:
            raise CommandError(error.message) from error
        for item in loaded:
            self.stdout.write(f"{item.outcome:<10}{_in_words(item.row)}")
        after = "Nothing was changed." if dry_run else "Next: manage.py sync_catalog"
        packages = sum(isinstance(item.row, Package) for item in loaded)
        self.stdout.write(f"{packages} packages. {after}")


def _in_words(row: Package | CustomAmount | Plan) -> str:
    if isinstance(row, Plan):
        return f"{row.code:<14}{row.credits:>12,.0f} credits a month  {row.price}"
    if isinstance(row, Package):
        return f"{row.code:<14}{row.credits:>12,.0f} credits  {row.price}"
    return f"{CUSTOM_CODE:<14}{row.minimum} to {row.maximum}, in steps of {row.increment}"
