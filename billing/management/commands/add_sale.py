"""Put packages in a sale: `manage.py add_sale "Spring sale" --percent 20 --starts 2027-03-01 --ends 2027-03-08`."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from billing.discounts.models import Sale
from billing.management.commands.add_discount import moment, number, packages_named


class Command(BaseCommand):
    help = "Take a percentage off packages for some time. Their prices stay as they are."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="shown to buyers")
        parser.add_argument("--percent", type=number, required=True, help="such as 20")
        parser.add_argument("--starts", type=moment, required=True, help="a day or a time")
        parser.add_argument("--ends", type=moment, required=True, help="a day or a time")
        parser.add_argument("--packages", nargs="+", default=[], metavar="CODE", help="only these; else all")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        packages = packages_named(options["packages"])
        sale = Sale(
            name=name, percent=options["percent"], starts_at=options["starts"], ends_at=options["ends"]
        )
        try:
            with transaction.atomic():
                sale.full_clean()
                sale.save()
                sale.packages.set(packages)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        self.stdout.write(f"{sale.name} was made.")
