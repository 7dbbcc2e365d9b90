"""Copy Stripe's objects into dj-stripe's tables: `manage.py djstripe_sync_models [Product Price …]`."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.errors import BillingError
from billing.stripe.mirror import LISTED
from billing.webhooks.mirroring import mirror_all


class Command(BaseCommand):
    help = (
        "Copy Stripe's objects into the mirror for staff to read. Safe to repeat; changes nothing in Stripe."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("kinds", nargs="*", metavar="kind", help=f"default: all ({', '.join(LISTED)}")

    def handle(self, *args: Any, kinds: list[str], **options: Any) -> None:
        unknown = [kind for kind in kinds if kind not in LISTED]
        if unknown:
            raise CommandError(
                f"Not mirrored: {', '.join(unknown)}. Mirrored: {', '.join(LISTED)}. Anything else of Stripe's may"
                " hold personal data that erasing a buyer wouldn't find."
            )
        if sum(self._copy(kind) for kind in kinds or LISTED):
            raise CommandError("Some objects could not be copied; see above. The others were.")

    def _copy(self, kind: str) -> int:
        """Report the outcomes of one kind, and return how many failed."""
        counted: Counter[str] = Counter()
        try:
            for copied in mirror_all(kind):
                counted[copied.outcome] += 1
                if copied.error is not None:
                    self.stderr.write(f"{kind} {copied.stripe_id}: {copied.error}")
        except BillingError as error:
            raise CommandError(f"{kind}: {error.message}") from error
        self.stdout.write(f"{kind}: {_in_words(counted)}")
        self.stdout.flush()
        return counted["failed"]


def _in_words(counted: Counter[str]) -> str:
    """Return a summary such as "4 mirrored, 1 skipped (the buyer was erased)"."""
    skipped = counted.pop("skipped", 0)
    said = [f"{count} {outcome}" for outcome, count in counted.items()]
    if skipped:
        said.append(f"{skipped} skipped (the buyer was erased)")
    return ", ".join(said) or "none in Stripe"
