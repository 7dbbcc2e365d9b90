"""Decide how much to buy, and what a failed charge means. Pure functions.

Stripe's decline codes: https://docs.stripe.com/declines/codes. Card schemes allow 15 tries of a declined card in 30
days; three tries within about a day, then none without a person, stays far below.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum, auto
from math import ceil

from django.utils import timezone

from core.days import day_of, start_of


class Verdict(Enum):
    """What a failed charge means for the next ones."""

    CONFIRM = auto()  # only the owner can pay, at their bank
    HARD = auto()  # never with this card
    SOFT = auto()  # later, perhaps
    NO_DECLINE = auto()  # the bank wasn't asked


CONFIRM = {"authentication_required", "payment_intent_authentication_failure", "authentication_not_handled"}
HARD = {
    "stolen_card", "lost_card", "pickup_card", "fraudulent", "merchant_blacklist", "do_not_try_again",
    "revocation_of_authorization", "revocation_of_all_authorizations", "stop_payment_order", "restricted_card",
    "security_violation", "transaction_not_allowed", "service_not_allowed", "not_permitted", "card_not_supported",
    "currency_not_supported", "invalid_account", "new_account_information_available", "no_action_taken",
    "expired_card", "incorrect_number", "invalid_number", "invalid_expiry_month", "invalid_expiry_year",
    "incorrect_cvc", "invalid_cvc", "test_mode_live_card", "testmode_decline",
}  # fmt: skip
# Ours: the call had no answer, or never arrived.
NO_DECLINE = {
    "stripe_unavailable", "stripe_busy", "no_payment_at_stripe", "nothing_paid", "payment_given_back",
}  # fmt: skip
# Pauses after the first and second soft decline in a row; after the third a person decides.
PAUSES = (timedelta(hours=4), timedelta(days=1))
AFTER_NO_ANSWER = timedelta(minutes=10)
MOST_AT_ONCE = 1000


@dataclass(frozen=True)
class Lot:
    """One of what is bought: so many credits at this price."""

    credits: Decimal
    price_minor: int


def verdict(failure_code: str) -> Verdict:
    """Return what a purchase's failure code means; an unknown one is a soft decline."""
    if failure_code in CONFIRM:
        return Verdict.CONFIRM
    if failure_code in HARD:
        return Verdict.HARD
    return Verdict.NO_DECLINE if failure_code in NO_DECLINE else Verdict.SOFT


def how_many(lot: Lot, available: Decimal, threshold: Decimal, left_minor: int) -> int:
    """Return how many to buy at once: enough to reach the threshold, as far as ``left_minor`` of the limit goes."""
    needed = max(1, ceil((threshold - available) / lot.credits))
    return min(needed, left_minor // lot.price_minor, MOST_AT_ONCE)


def month_of(moment: datetime) -> date:
    """Return the first day of the moment's month, in the site's time zone."""
    return day_of(moment).replace(day=1)


def next_month(moment: datetime) -> datetime:
    """Return the first moment of the next month."""
    return start_of((month_of(moment) + timedelta(days=32)).replace(day=1))


def retry_after(declines: int, now: datetime | None = None) -> datetime | None:
    """Return when to try again after so many soft declines in a row; None: not without a person."""
    now = now or timezone.now()
    return now + PAUSES[declines - 1] if declines <= len(PAUSES) else None
