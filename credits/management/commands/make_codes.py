"""Make redemption codes: `manage.py make_codes --credits 100 --count 20`."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from core.amounts.parsing import NotAnAmount, parse_amount
from core.days import start_of
from credits.redemption.errors import InvalidBatch
from credits.redemption.making import BatchTerms, make_batch


class Command(BaseCommand):
    help = "Make a batch of redemption codes and print them, one to a line. They can't be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--credits", required=True, help="what each code brings")
        parser.add_argument("--count", required=True, help="how many codes")
        parser.add_argument("--uses", default="1", help="how many accounts can redeem the same code")
        parser.add_argument("--expires", help="last day (2026-12-31), or time with offset, for redeeming")
        parser.add_argument("--valid-days", help="how long the credits last once redeemed")
        parser.add_argument("--name", help="for staff, such as an event")
        parser.add_argument("--reason", default="make_codes", help="kept in the audit log")

    def handle(self, *args: Any, **options: Any) -> None:
        terms = BatchTerms(
            name=options["name"] or f"make_codes {timezone.now():%Y-%m-%d %H:%M}",
            credits=_amount("credits", options["credits"]),
            count=_whole("count", options["count"]),
            reason=options["reason"],
            key=uuid4(),
            uses=_whole("uses", options["uses"]),
            expires_at=_moment(options["expires"]) if options["expires"] else None,
            validity_days=_whole("valid-days", options["valid_days"]) if options["valid_days"] else None,
        )
        try:
            new = make_batch(terms, None)
        except InvalidBatch as error:
            raise CommandError(f"{error.params['field']}: {error.message} Nothing was made.") from error
        for code in new.codes:
            self.stdout.write(code)
        # Not among the codes, which may be piped into a file.
        self.stderr.write(f"Batch {new.batch.pk}: {new.batch.name}. These codes can't be shown again.")


def _amount(option: str, text: str) -> Decimal:
    try:
        return parse_amount(text)
    except NotAnAmount as error:
        raise CommandError(f"--{option}: {error}. Nothing was made.") from error


def _whole(option: str, text: str) -> int:
    number = _amount(option, text)
    if number != int(number):
        raise CommandError(f"--{option}: {text} is not a whole number. Nothing was made.")
    return int(number)


def _moment(text: str) -> datetime:
    """Return a time with an offset, or the end of a day in the site's time zone."""
    try:
        moment = datetime.fromisoformat(text)
        following = start_of(moment.date() + timedelta(days=1))
    except (ValueError, OverflowError) as error:
        raise CommandError(
            f"--expires: {text} is not a day, such as 2026-12-31. Nothing was made."
        ) from error
    if moment.tzinfo is not None:
        return moment
    if "T" in text or " " in text:
        raise CommandError(f"--expires: {text} has no offset, such as +00:00. Nothing was made.")
    return following
