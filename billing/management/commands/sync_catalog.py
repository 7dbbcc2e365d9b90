"""`manage.py sync_catalog`: brings Stripe's products and prices to where our packages are."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.catalog_sync import check_catalog, sync_catalog
from billing.errors import BillingError


class Command(BaseCommand):
    help = "Creates and updates each package's Stripe product and price. Safe to repeat, also after a crash."

    def add_arguments(self, parser: CommandParser) -> None:
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument("--dry-run", action="store_true", help="say what differs, change nothing")
        mode.add_argument(
            "--check", action="store_true", help="as --dry-run, and exit with 1 when something differs"
        )

    def handle(self, *args: Any, dry_run: bool, check: bool, **options: Any) -> None:
        try:
            differing = self._compare() if dry_run or check else self._sync()
        except BillingError as error:
            raise CommandError(
                f"{error.message} Run the command again: it goes on where it stopped."
            ) from error
        if check and differing:
            sys.exit(1)

    def _sync(self) -> int:
        done: Counter[str] = Counter()
        for step in sync_catalog():
            done[step.what.split(" (")[0]] += 1
            self.stdout.write(f"{step.package.code:<14}{step.what:<28}{step.stripe_id}")
            self.stdout.flush()
        summary = ", ".join(f"{count} {what}" for what, count in done.items())
        self.stdout.write(f"Synced: {summary or 'no packages; run load_catalog first'}.")
        return 0

    def _compare(self) -> int:
        compared = check_catalog()
        for package, drift in compared:
            for difference in drift:
                self.stdout.write(f"{package.code:<14}{difference}")
        differing = sum(bool(drift) for _, drift in compared)
        self.stdout.write(f"{len(compared)} packages compared, {differing} differ from Stripe.")
        return differing
