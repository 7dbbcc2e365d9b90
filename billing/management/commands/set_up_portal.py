"""Set up Stripe's customer portal: `manage.py set_up_portal`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.errors import BillingError
from billing.stripe.portal import set_up_portal


class Command(BaseCommand):
    help = (
        "Create or update the configuration of Stripe's customer portal that this site uses. Safe to repeat."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            configuration, done = set_up_portal()
        except BillingError as error:
            again = " Run the command again later." if error.passes_by_itself else ""
            raise CommandError(f"{error.for_staff}{again}") from error
        self.stdout.write(f"Customer portal {configuration.id}: {done}.")
