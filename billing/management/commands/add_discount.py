"""Make a discount code: `manage.py add_discount SPRING-20 --percent 20`."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from billing.discounts.models import CodeAmount, DiscountCode
from billing.money import Money
from billing.packages.models import Package


def moment(text: str) -> datetime:
    """Read a time, or a day's beginning, in the site's time zone unless it names another."""
    try:
        found = parse_datetime(text)
        if found is None and (day := parse_date(text)) is not None:
            found = datetime.combine(day, datetime.min.time())
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no time.") from error
    if found is None:
        raise ArgumentTypeError(f"{text!r} is no time, such as 2027-03-01 or 2027-03-01T09:00.")
    return found if timezone.is_aware(found) else timezone.make_aware(found)


def number(text: str) -> Decimal:
    """Read a decimal number."""
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ArgumentTypeError(f"{text!r} is no number.") from error


def packages_named(codes: list[str]) -> list[Package]:
    """Return the packages with these codes. Raises `CommandError` for an unknown one."""
    found = {package.code: package for package in Package.objects.filter(code__in=codes)}
    if unknown := [code for code in codes if code not in found]:
        raise CommandError(f"No package has the code {', '.join(unknown)}.")
    return [found[code] for code in codes]


class Command(BaseCommand):
    help = "Make a discount code that takes a percentage or an amount off."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("code", help="3 to 40 letters, digits and hyphens")
        off = parser.add_mutually_exclusive_group(required=True)
        off.add_argument("--percent", type=number, help="such as 20")
        off.add_argument("--amount", type=number, help="such as 5.00, with --currency")
        parser.add_argument("--currency", type=str.lower, default="", help="such as usd")
        parser.add_argument("--max-uses", type=int, help="how often it can be used by all buyers together")
        parser.add_argument("--starts", type=moment, help="a day or a time; now if not given")
        parser.add_argument("--ends", type=moment, help="a day or a time; never if not given")
        parser.add_argument("--packages", nargs="+", default=[], metavar="CODE", help="only for these")

    def handle(self, *args: Any, code: str, **options: Any) -> None:
        packages = packages_named(options["packages"])
        made = DiscountCode(
            code=code,
            percent=options["percent"],
            max_uses=options["max_uses"],
            starts_at=options["starts"],
            ends_at=options["ends"],
        )
        try:
            amount = self._amount(options["amount"], options["currency"])
            with transaction.atomic():
                made.full_clean()
                made.save()
                made.packages.set(packages)
                if amount is not None:
                    inside = CodeAmount(
                        discount_code=made, currency=amount.currency, amount_minor=amount.minor
                    )
                    inside.full_clean()
                    inside.save()
        except (ValidationError, ValueError) as error:
            raise CommandError(
                "; ".join(error.messages) if isinstance(error, ValidationError) else str(error)
            ) from error
        self.stdout.write(f"{made.code} was made.")

    def _amount(self, amount: Decimal | None, currency: str) -> Money | None:
        if amount is None:
            return None
        if not currency:
            raise CommandError("--amount needs --currency.")
        return Money.from_major(amount, currency)
