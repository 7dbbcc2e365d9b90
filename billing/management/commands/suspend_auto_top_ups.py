"""Suspend all automatic top-ups, or resume them: `manage.py suspend_auto_top_ups [--resume]`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from billing.auto_top_up.staff import pause_all, resume_all

RESUME = "manage.py suspend_auto_top_ups --resume"


class Command(BaseCommand):
    help = "Suspend all automatic top-ups: no card is charged for one until they are resumed. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--resume", action="store_true", help="resume them; those suspended one by one stay suspended"
        )

    def handle(self, *args: Any, resume: bool, **options: Any) -> None:
        if resume:
            resume_all()
            self.stdout.write("Automatic top-ups are running.")
        else:
            pause_all()
            self.stdout.write(f"All automatic top-ups are suspended. Resume them with `{RESUME}`.")
