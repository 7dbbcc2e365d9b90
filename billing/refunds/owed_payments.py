"""Payments that were not accepted: which of them the seller still has, and the attention that they are due.

One that is held back, or that came second, is owed to its buyer. As with credits (`billing.refunds.reversals`), nothing
here goes by the event that came: `update_attention` looks at the refunds and disputes of these payments that stand now.
So whoever refunds them, here or in Stripe's dashboard, the purchase leaves the list of staff; and a refund that fails
brings it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Sum

from billing.errors import NothingOwed
from billing.money import Money
from billing.purchases.log import Change, Source, lock_purchase, record
from billing.purchases.models import Payment, Purchase, PurchaseEvent
from billing.refunds.models import Dispute, Refund
from billing.refunds.reversals import Reversal, unresolved_reversals
from core.database.locks import require_transaction

log = structlog.get_logger(__name__)
Attention = Purchase.Attention
Status = Purchase.Status


@dataclass(frozen=True)
class OwedPayment:
    """A payment that the buyer is owed, and how much of it is ``left``."""

    payment: Payment
    left: Money


def owed_payments(purchase: Purchase) -> list[OwedPayment]:
    """The payments that were not accepted and are not wholly refunded, the oldest first."""
    noted = purchase.payments.filter(state=Payment.State.PAID, lot__isnull=True).exclude(attention="")
    with_rest = (OwedPayment(payment, _left_of(payment)) for payment in noted.order_by("created_at", "pk"))
    return [owed for owed in with_rest if owed.left.minor > 0]


def is_given_back(payment_intent_id: str | None) -> bool:
    """Whether this is a payment that was not accepted, and whose money is gone: there is nothing to credit for it."""
    payment = Payment.objects.filter(
        stripe_payment_intent_id=payment_intent_id, state=Payment.State.PAID, lot__isnull=True
    ).first()
    return payment is not None and _left_of(payment).minor <= 0


def update_attention_of(payment: Payment, source: Source, *, is_unresolved: bool) -> None:
    """`update_attention` after a refund or dispute of this payment. That of an accepted one needs none, unless what it
    comes to in the payment's currency is not known, or was not until now.
    """
    was_unresolved = payment.purchase.attention == Attention.RETURN_CURRENCY
    if payment.attention or is_unresolved or was_unresolved:
        update_attention(payment.purchase, source)


def update_attention(purchase: Purchase, source: Source) -> None:
    """Brings the attention of a locked purchase to what it owes its buyer, or needs to be told, now."""
    require_transaction()
    owed = owed_payments(purchase)
    unresolved = [] if owed else unresolved_reversals(purchase)
    if owed:
        _put_before_staff(purchase, owed[0].payment, source)
    elif unresolved:
        _ask_staff(purchase, unresolved[0], source)
    elif purchase.attention:
        _clear(purchase, source)


def close_unpaid_purchase(purchase_id: UUID, actor_id: UUID) -> Purchase:
    """Ends a purchase that is held back though nothing was paid for it: a checkout that came to 0 for a pack with a
    price. No later report of that checkout opens it again.

    Raises:
        NothingOwed: it is credited, or a payment of it is still to be refunded.
    """
    with transaction.atomic():
        purchase = lock_purchase(purchase_id)
        if purchase.is_credited or not purchase.attention or owed_payments(purchase):
            raise NothingOwed("Only an unpaid purchase that needs attention can be closed.")
        detail = {"attention": purchase.attention, "detail": purchase.attention_detail}
        purchase.attention, purchase.attention_detail = Attention.NONE, ""
        purchase.failure_code = Purchase.NOTHING_PAID
        source = Source(PurchaseEvent.Source.STAFF, actor_id=actor_id)
        record(purchase, Change("closed_unpaid", Status.FAILED, detail), source)
    return purchase


def is_closable(purchase: Purchase) -> bool:
    """Whether `close_unpaid_purchase` would end it."""
    return bool(purchase.attention) and not purchase.is_credited and not owed_payments(purchase)


def _left_of(payment: Payment) -> Money:
    refunds = Refund.objects.filter(payment=payment, status__in=Refund.STANDING)
    disputes = Dispute.objects.filter(payment=payment, status__in=Dispute.STANDING)
    gone = sum(rows.aggregate(sum=Sum("counted_minor"))["sum"] or 0 for rows in (refunds, disputes))
    return Money(payment.amount_minor - gone, payment.currency)


def _put_before_staff(purchase: Purchase, payment: Payment, source: Source) -> None:
    if (purchase.attention, purchase.attention_detail) == (payment.attention, payment.detail):
        return
    purchase.attention, purchase.attention_detail = payment.attention, payment.detail
    if purchase.was_given_back:
        purchase.failure_code = ""
    log.error("purchase_owes_payment", purchase=str(purchase.pk), payment=payment.stripe_payment_intent_id)
    detail = {"payment": payment.stripe_payment_intent_id, "attention": payment.attention}
    record(purchase, Change("payment_owed", detail=detail), source)


def _ask_staff(purchase: Purchase, each: Reversal, source: Source) -> None:
    """A return whose amount in the payment's currency Stripe doesn't name takes nothing until staff have said it."""
    detail = (
        f"{each.amount} was reversed for a payment in {purchase.currency.upper()}: enter the converted amount"
    )
    if (purchase.attention, purchase.attention_detail) == (Attention.RETURN_CURRENCY, detail):
        return
    purchase.attention, purchase.attention_detail = Attention.RETURN_CURRENCY, detail
    log.error("return_in_another_currency", purchase=str(purchase.pk), amount=str(each.amount))
    record(purchase, Change("return_unresolved", detail={"amount": str(each.amount)}), source)


def _clear(purchase: Purchase, source: Source) -> None:
    """Closes an open purchase, so the sweeper stops polling and checkout isn't offered again."""
    detail = {"attention": purchase.attention, "detail": purchase.attention_detail}
    what = "return_resolved" if purchase.attention == Attention.RETURN_CURRENCY else "payment_given_back"
    purchase.attention, purchase.attention_detail = Attention.NONE, ""
    status = None
    if not purchase.is_credited:
        purchase.failure_code = Purchase.GIVEN_BACK
        status = Status.FAILED if purchase.is_open else None
    record(purchase, Change(what, status, detail), source)
