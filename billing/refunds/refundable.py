"""Determine how much of a purchase can still be refunded; Stripe refuses to refund disputed amounts."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from django.utils.translation import gettext as _

from billing.currencies import smallest_step, too_fine
from billing.errors import InvalidRefund, NotRefundable
from billing.money import Money
from billing.purchases.models import Payment, Purchase
from billing.refunds.reversals import standing_reversals


def accepted_payment(purchase: Purchase) -> Payment:
    """Return the payment to refund.

    Raises:
        NotRefundable: the purchase isn't paid.
    """
    payment = purchase.accepted_payment if purchase.is_credited else None
    if payment is None:
        raise NotRefundable(
            "This purchase was not paid, so there is nothing to refund.", purchase=str(purchase.pk)
        )
    return payment


def disputed_minor(payment: Payment) -> int:
    """Return how much of a payment is withdrawn by disputes, in minor units."""
    return sum(dispute.counted_minor or 0 for dispute in standing_reversals(payment)[1])


def left_to_refund(purchase: Purchase) -> Money:
    """Return the amount paid, less refunds and disputes."""
    payment = purchase.accepted_payment if purchase.is_credited else None
    gone = purchase.refunded_minor + (disputed_minor(payment) if payment else 0)
    return Money(max(0, purchase.paid.minor - gone) if payment else 0, purchase.currency)


def why_not_refundable(purchase: Purchase) -> str:
    """Return why nothing is left to refund; empty if something is."""
    if left_to_refund(purchase).minor:
        return ""
    if purchase.accepted_payment is None or not purchase.is_credited:
        return _("Nothing was paid, or the payment was not accepted.")
    if purchase.status == Purchase.Status.DISPUTED:
        return _("The payment is disputed, so Stripe won’t refund it.")
    return _("Fully refunded.")


def unspent_share(purchase: Purchase, credits_left: Decimal) -> int:
    """Return the price of the unspent credits, in minor units, rounded down as Stripe does; at most what is left.

    They are those bought: a bonus cost nothing, so nothing is deducted for a spent one.
    """
    share = Decimal(purchase.paid.minor) * credits_left / purchase.credits
    most = min(left_to_refund(purchase).minor, int(share.to_integral_value(rounding=ROUND_DOWN)))
    return most - most % smallest_step(purchase.currency)


def check_amount(purchase: Purchase, amount_minor: int) -> None:
    """Check that Stripe would refund the amount.

    Raises:
        InvalidRefund: it isn't above zero, or is finer than Stripe refunds in this currency.
        NotRefundable: it is more than what is left.
    """
    if amount_minor <= 0:
        raise InvalidRefund("A refund must be above zero.", field="amount")
    if refusal := too_fine(amount_minor, purchase.currency):
        raise InvalidRefund(refusal, field="amount")
    left = left_to_refund(purchase)
    if amount_minor > left.minor:
        refusal = f"At most {left} of {purchase.paid} can be refunded."
        reason = why_not_refundable(purchase)
        raise NotRefundable(f"{refusal} {reason}".strip(), purchase=str(purchase.pk), left=str(left.major))
