"""Delete events processed long ago from the inbox: `manage.py forget_events`."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.inbox.retention import days_ago, forget_events
from billing.inbox.selectors import forgettable_events
from core.progress import ProgressBar


class Command(BaseCommand):
    help = "Delete old processed events from the inbox; failed ones stay. Safe to interrupt and repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than",
            type=int,
            metavar="DAYS",
            help="default: INBOX_RETENTION_DAYS (0 keeps everything)",
        )
        parser.add_argument("--dry-run", action="store_true", help="count the events, delete nothing")

    def handle(self, *args: Any, older_than: int | None, dry_run: bool, **options: Any) -> None:
        days = settings.INBOX_RETENTION_DAYS if older_than is None else older_than
        if older_than is None and days == 0:
            self.stdout.write(
                "INBOX_RETENTION_DAYS is 0, so events are kept. Use --older-than DAYS to delete some."
            )
            return
        try:
            before = days_ago(days)
        except ValueError as error:
            raise CommandError(str(error)) from error
        if dry_run:
            told, number = "Would delete", forgettable_events(before).count()
        else:
            with ProgressBar(self.stdout, "Deleting") as bar:
                told, number = "Deleted", forget_events(days, report=bar.show)
        events = "1 event" if number == 1 else f"{number:,} events"
        self.stdout.write(f"{told} {events} received before {before:%Y-%m-%d %H:%M} UTC.")
