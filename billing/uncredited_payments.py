"""Payments that were not credited: which of them the seller still has, and the attention that they are due.

One that is held back, or that came second, is owed to its buyer. As with credits (`billing.returns`), nothing here goes
by the event that came: `settle_attention` looks at the refunds and disputes of these payments that stand now. So
whoever gives the money back, here or in Stripe's dashboard, the purchase leaves the list of staff; and a refund that
fails brings it back.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from django.db.models import Sum

from billing.models import Dispute, Purchase, Refund, UncreditedPayment
from billing.money import Money
from billing.purchase_log import Change, Told, record, require_transaction

log = structlog.get_logger(__name__)
Attention = Purchase.Attention
Status = Purchase.Status


@dataclass(frozen=True)
class OwedPayment:
    """A payment that the buyer is owed, and how much of it is ``left``."""

    payment: UncreditedPayment
    left: Money


def keep_uncredited(
    purchase: Purchase, payment_intent_id: str | None, amount: Money, attention: Attention, detail: str
) -> bool:
    """Notes a payment of a locked purchase as not credited, and why. Whether it is the first time. What is free, or has
    no payment, leaves nothing to give back.
    """
    require_transaction()
    if not payment_intent_id or amount.minor <= 0:
        return False
    _payment, is_new = UncreditedPayment.objects.update_or_create(
        stripe_payment_intent_id=payment_intent_id,
        defaults={"attention": attention, "detail": detail},
        create_defaults={
            "purchase": purchase,
            "amount_minor": amount.minor,
            "currency": amount.currency,
            "attention": attention,
            "detail": detail,
        },
    )
    return is_new


def owed_payments(purchase: Purchase) -> list[OwedPayment]:
    """The payments that were not credited and are not wholly given back, the oldest first."""
    noted = purchase.uncredited_payments.order_by("pk")
    if purchase.is_credited:  # one that was held back may have been credited after all
        noted = noted.exclude(stripe_payment_intent_id=purchase.stripe_payment_intent_id)
    with_rest = (OwedPayment(payment, _left_of(payment)) for payment in noted)
    return [owed for owed in with_rest if owed.left.minor > 0]


def is_given_back(payment_intent_id: str | None) -> bool:
    """Whether this is a payment that was not credited, and whose money is gone: there is nothing to credit for it."""
    payment = UncreditedPayment.objects.filter(stripe_payment_intent_id=payment_intent_id).first()
    return payment is not None and _left_of(payment).minor <= 0


def settle_attention_of(purchase: Purchase, payment_intent_id: str, told: Told) -> None:
    """`settle_attention` after a refund or dispute of this payment. That of a credited one needs none."""
    is_credited = purchase.is_credited and payment_intent_id == purchase.stripe_payment_intent_id
    if not is_credited and _is_uncredited(payment_intent_id):
        settle_attention(purchase, told)


def settle_attention(purchase: Purchase, told: Told) -> None:
    """Brings the attention of a locked purchase to what it owes its buyer now."""
    require_transaction()
    owed = owed_payments(purchase)
    if owed:
        _put_before_staff(purchase, owed[0].payment, told)
    elif purchase.attention:
        _clear(purchase, told)


def _is_uncredited(payment_intent_id: str) -> bool:
    return UncreditedPayment.objects.filter(stripe_payment_intent_id=payment_intent_id).exists()


def _left_of(payment: UncreditedPayment) -> Money:
    of_it = {"stripe_payment_intent_id": payment.stripe_payment_intent_id}
    refunds = Refund.objects.filter(status__in=Refund.STANDING, **of_it)
    disputes = Dispute.objects.filter(status__in=Dispute.STANDING, **of_it)
    gone = sum(rows.aggregate(sum=Sum("amount_minor"))["sum"] or 0 for rows in (refunds, disputes))
    return Money(payment.amount_minor - gone, payment.currency)


def _put_before_staff(purchase: Purchase, payment: UncreditedPayment, told: Told) -> None:
    if (purchase.attention, purchase.attention_detail) == (payment.attention, payment.detail):
        return
    purchase.attention, purchase.attention_detail = payment.attention, payment.detail
    if purchase.was_given_back:
        purchase.failure_code = ""
    log.error("purchase_owes_payment", purchase=str(purchase.pk), payment=payment.stripe_payment_intent_id)
    detail = {"payment": payment.stripe_payment_intent_id, "attention": payment.attention}
    record(purchase, Change("payment_owed", detail=detail), told)


def _clear(purchase: Purchase, told: Told) -> None:
    """One that was open is over: else the sweeper would ask about it, and its buyer be offered to pay, for ever."""
    detail = {"attention": purchase.attention, "detail": purchase.attention_detail}
    purchase.attention, purchase.attention_detail = Attention.NONE, ""
    status = None
    if not purchase.is_credited:
        purchase.failure_code = Purchase.GIVEN_BACK
        status = Status.FAILED if purchase.is_open else None
    record(purchase, Change("payment_given_back", status, detail), told)
