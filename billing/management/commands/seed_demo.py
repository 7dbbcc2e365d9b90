"""Fill a development database, to see lists, pages and figures at scale: `manage.py seed_demo`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.sample_data.plan import CannotSeed, Sizes
from billing.sample_data.seeding import seed_demo
from core.progress import ProgressBar


class Command(BaseCommand):
    help = "Fill a development database with sample purchases and entries; each run adds another batch."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--purchases", type=int, required=True, metavar="N")
        parser.add_argument(
            "--entries", type=int, required=True, metavar="M", help="number of ledger entries"
        )
        parser.add_argument("--buyers", type=int, metavar="B", help="default: one per ten purchases")
        parser.add_argument("--seed", type=int, default=1, help="random seed; default: %(default)s")

    def handle(
        self, *args: Any, purchases: int, entries: int, buyers: int | None, seed: int, **options: Any
    ) -> None:
        try:
            sizes = Sizes(purchases, entries, max(1, purchases // 10) if buyers is None else buyers)
            with ProgressBar(self.stdout, "Seeding") as bar:
                seeded = seed_demo(sizes, seed, bar.show)
        except CannotSeed as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"Added {purchases:,} purchases and {entries:,} entries of {sizes.buyers:,} buyers, "
            f"seed-{seeded.batch}-0 to seed-{seeded.batch}-{sizes.buyers - 1}."
        )
