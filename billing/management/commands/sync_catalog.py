"""Update Stripe's products and prices from our packages: `manage.py sync_catalog`."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.errors import BillingError
from billing.packages.catalog_sync import check_catalog, sync_catalog
from billing.packages.remote_catalog import ForSale
from billing.stripe.dashboard import products_page
from billing.stripe.objects.catalog import StripeProduct


class Command(BaseCommand):
    help = "Create and update each package's and plan's Stripe product and price. Safe to repeat, even after a crash."

    def add_arguments(self, parser: CommandParser) -> None:
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument("--dry-run", action="store_true", help="show what differs, change nothing")
        mode.add_argument(
            "--check", action="store_true", help="like --dry-run, but exit with 1 if anything differs"
        )
        mode.add_argument(
            "--adopt",
            action="store_true",
            help="ask whether to use an existing Stripe product with a package's name",
        )
        parser.add_argument("--yes", action="store_true", help="with --adopt: use each without asking")

    def handle(self, *args: Any, dry_run: bool, check: bool, adopt: bool, yes: bool, **options: Any) -> None:
        self.takes_all = yes
        try:
            differing = self._compare() if dry_run or check else self._sync(adopt)
        except BillingError as error:
            raise CommandError(_with_advice(error)) from error
        if check and differing:
            sys.exit(1)

    def _sync(self, adopt: bool) -> int:
        """Report each step as it is done.

        Raises:
            CommandError: some packages failed to sync; it says which, and what to do.
        """
        packages: set[str] = set()
        failed: dict[str, BillingError] = {}
        for step in sync_catalog(self._agrees if adopt else None):
            packages.add(step.package.code)
            if step.error is not None:
                failed[step.package.code] = step.error
            self.stdout.write(str(step))
            self.stdout.flush()
        if packages:
            self.stdout.write(f"{len(packages) - len(failed)} packages are in sync. See {products_page()}")
        else:
            self.stdout.write("Nothing to sync: no package is on sale. Run load_catalog first.")
        if failed:
            raise CommandError("\n".join(f"{code}: {_with_advice(error)}" for code, error in failed.items()))
        return 0

    def _agrees(self, package: ForSale, product: StripeProduct) -> bool:
        state = "" if product.active else ", archived"
        asked = f"Stripe has a product “{product.name}” ({product.id}{state}). Use it for {package.code}?"
        if self.takes_all:
            self.stdout.write(f"{asked} Yes.")
            return True
        self.stdout.write(
            f"{asked} Its prices other than {package.price} will be archived. [y/N] ", ending=""
        )
        self.stdout.flush()
        answer = sys.stdin.readline()
        if not answer:
            raise CommandError("No answer. Add --yes to use each, or leave out --adopt.")
        return answer.strip().lower() in {"y", "yes"}

    def _compare(self) -> int:
        compared = check_catalog()
        for package, drift in compared:
            for difference in drift:
                self.stdout.write(f"{package.code:<14}{difference}")
        differing = sum(bool(drift) for _, drift in compared)
        self.stdout.write(f"{len(compared)} packages compared, {differing} differ from Stripe.")
        return differing


def _with_advice(error: BillingError) -> str:
    again = " Run the command again to continue where it stopped." if error.passes_by_itself else ""
    return f"{error.for_staff}{again}"
