"""Recount the dashboard's figures, and report whether they were correct: `manage.py rebuild_figures`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.reporting.rebuild import rebuild_figures
from core.progress import ProgressBar

MOST_SHOWN = 20


class Command(BaseCommand):
    help = "Recount the dashboard figures from purchases, refunds, disputes and entries."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check",
            action="store_true",
            help="change nothing, and fail if a figure differs from the recount",
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        with ProgressBar(self.stdout, "Counting") as bar:
            recount = rebuild_figures(bar.show, keep=not check)
        differences = recount.differences
        for line in differences[:MOST_SHOWN]:
            self.stdout.write(line)
        if len(differences) > MOST_SHOWN:
            self.stdout.write(f"... and {len(differences) - MOST_SHOWN:,} more lines.")
        for line in recount.unbalanced:
            self.stdout.write(line)
        if recount.unbalanced:
            raise CommandError(
                "The figures don't add up to the payments: the records are wrong, not the count. Run "
                "check_ledger."
            )
        if check and differences:
            raise CommandError("Figures differ from the recount. Run rebuild_figures without --check.")
        if differences:
            self.stdout.write("The figures differed and have been corrected.")
        else:
            self.stdout.write(
                "The figures match the recount." if check else "The figures were already correct."
            )
