"""Check that Stripe is ready, before going live and after each change there: `manage.py check_stripe`."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.errors import BillingError
from billing.setup.going_live import Check, check_everything
from billing.setup.webhook_endpoint import create_endpoint, is_our_address, list_endpoints


class Command(BaseCommand):
    help = "Check the Stripe account, key, webhook endpoint and catalogue. Exits with 1 if anything is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--create-endpoint",
            action="store_true",
            help="create the webhook endpoint first and print its signing secret, which Stripe shows only once",
        )

    def handle(self, *args: Any, create_endpoint: bool, **options: Any) -> None:
        if create_endpoint:
            self._create_endpoint()
        wrong = 0
        for check in check_everything():
            self._say(check)
            wrong += not check.is_right
        self.stdout.write(f"{wrong} to fix." if wrong else "All checks passed.")
        if wrong:
            sys.exit(1)

    def _create_endpoint(self) -> None:
        try:
            there = [endpoint.id for endpoint in list_endpoints() if is_our_address(endpoint.url)]
            if there:
                raise CommandError(
                    f"An endpoint with our URL exists: {there[0]}. Its secret is on its page in Stripe's dashboard; to"
                    " recreate it, delete it there first."
                )
            endpoint = create_endpoint()
        except BillingError as error:
            again = " Run the command again later." if error.passes_by_itself else ""
            raise CommandError(f"{error.for_staff}{again}") from error
        self.stdout.write(
            f"Created {endpoint.id} for {endpoint.url}. Its signing secret, which isn't stored here:\n\n"
            f"    {endpoint.secret}\n\n"
            "Set STRIPE_WEBHOOK_SECRET_CREDITS to it and restart the web process. Until then its events are refused,"
            " and Stripe resends them.\n"
        )

    def _say(self, check: Check) -> None:
        if check.is_right:
            self.stdout.write(f"✓ {check.what}")
        else:
            self.stdout.write(f"✗ {check.what}\n  → {check.to_do}")
        self.stdout.flush()
