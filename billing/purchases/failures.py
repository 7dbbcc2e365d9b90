"""Say in plain words why a payment failed."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.purchases.models import Purchase

NOT_CONFIRMED = _("Your bank couldn’t confirm that it was you.")
# Stripe's codes (https://docs.stripe.com/declines/codes), and ours. Any other is a decline: the reason is the bank's,
# and of a card that was reported stolen it mustn't be told.
REASONS: dict[str, str | Promise] = {
    "payment_intent_authentication_failure": NOT_CONFIRMED,
    "authentication_required": NOT_CONFIRMED,
    "authentication_not_handled": NOT_CONFIRMED,
    "insufficient_funds": _("The card doesn’t have enough funds."),
    "expired_card": _("The card has expired."),
    "incorrect_cvc": _("The card’s security code is incorrect."),
    "card_velocity_exceeded": _("The card has reached its limit."),
    "withdrawal_count_limit_exceeded": _("The card has reached its limit."),
    "payment_not_confirmed": _("You didn’t confirm the payment with your bank."),
    "stripe_refused": _("The card couldn’t be charged."),
    "no_consent": _("The card was removed."),
    "no_payment_at_stripe": _("The card wasn’t charged."),
}
DECLINED = _("Your bank declined the payment.")


def why_failed(purchase: Purchase) -> str:
    """Return a sentence on why the purchase's payment failed."""
    return str(REASONS.get(purchase.failure_code, DECLINED))
