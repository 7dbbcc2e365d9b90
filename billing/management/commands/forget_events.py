"""`manage.py forget_events`: takes events out of the inbox that were applied long ago."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.inbox.retention import days_ago, forget_events
from billing.inbox.selectors import forgettable_events
from core.progress import ProgressBar


class Command(BaseCommand):
    help = "Forgets events that were done with long ago; failed ones stay. Safe to interrupt and to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than",
            type=int,
            metavar="DAYS",
            help="default: INBOX_RETENTION_DAYS, where 0 keeps everything",
        )
        parser.add_argument("--dry-run", action="store_true", help="say how many there are, forget none")

    def handle(self, *args: Any, older_than: int | None, dry_run: bool, **options: Any) -> None:
        days = settings.INBOX_RETENTION_DAYS if older_than is None else older_than
        if older_than is None and days == 0:
            self.stdout.write(
                "INBOX_RETENTION_DAYS is 0: every event is kept. --older-than DAYS forgets some."
            )
            return
        try:
            before = days_ago(days)
        except ValueError as error:
            raise CommandError(str(error)) from error
        if dry_run:
            told, number = "Would forget", forgettable_events(before).count()
        else:
            with ProgressBar(self.stdout, "Forgetting") as bar:
                told, number = "Forgot", forget_events(days, report=bar.show)
        events = "1 event" if number == 1 else f"{number:,} events"
        self.stdout.write(f"{told} {events} that came in before {before:%Y-%m-%d %H:%M} UTC.")
