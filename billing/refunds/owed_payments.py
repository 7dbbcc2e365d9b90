"""Track uncredited payments, which are owed to the buyer, and the attention they need.

As in `billing.refunds.reversals`, only the reversals in effect now count, not the event that arrived. So a refund, here
or in Stripe's dashboard, takes the purchase off staff's list, and a refund that fails puts it back.
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
from billing.refunds.claims import Reversal
from billing.refunds.models import Dispute, Refund
from billing.refunds.reversals import unresolved_reversals
from core.database.locks import require_transaction

log = structlog.get_logger(__name__)
Attention = Purchase.Attention
Status = Purchase.Status


@dataclass(frozen=True)
class OwedPayment:
    """A payment owed to the buyer, with the amount ``left`` to refund."""

    payment: Payment
    left: Money


def owed_payments(purchase: Purchase) -> list[OwedPayment]:
    """Return uncredited payments that aren't fully refunded, oldest first."""
    noted = purchase.payments.filter(state=Payment.State.PAID, lot__isnull=True).exclude(attention="")
    with_rest = (OwedPayment(payment, _left_of(payment)) for payment in noted.order_by("created_at", "pk"))
    return [owed for owed in with_rest if owed.left.minor > 0]


def is_given_back(payment_intent_id: str | None) -> bool:
    """Return whether this is an uncredited payment that was fully refunded, so that it must not be credited."""
    payment = Payment.objects.filter(
        stripe_payment_intent_id=payment_intent_id, state=Payment.State.PAID, lot__isnull=True
    ).first()
    return payment is not None and _left_of(payment).minor <= 0


def update_attention_of(payment: Payment, source: Source, *, is_unresolved: bool) -> None:
    """Update attention after a reversal. An accepted payment's only matters if its amount is, or was, unresolved."""
    was_unresolved = payment.purchase.attention == Attention.RETURN_CURRENCY
    if payment.attention or is_unresolved or was_unresolved:
        update_attention(payment.purchase, source)


def update_attention(purchase: Purchase, source: Source) -> None:
    """Update a locked purchase's attention: for an owed payment, else for an amount staff must enter, else none."""
    require_transaction()
    owed = owed_payments(purchase)
    unresolved = [] if owed else unresolved_reversals(purchase)
    if owed:
        _mark_owed(purchase, owed[0].payment, source)
    elif unresolved:
        _mark_unresolved(purchase, unresolved[0], source)
    elif purchase.attention:
        _clear(purchase, source)


def close_unpaid_purchase(purchase_id: UUID, actor_id: UUID) -> Purchase:
    """Close a purchase needing attention over a checkout of 0 for a priced package. Later reports don't reopen it.

    Raises:
        NothingOwed: it is credited, needs no attention, or a payment of it is still to be refunded.
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
    """Return whether `close_unpaid_purchase` would close it."""
    return bool(purchase.attention) and not purchase.is_credited and not owed_payments(purchase)


def _left_of(payment: Payment) -> Money:
    refunds = Refund.objects.filter(payment=payment, status__in=Refund.STANDING)
    disputes = Dispute.objects.filter(payment=payment, status__in=Dispute.STANDING)
    gone = sum(rows.aggregate(sum=Sum("counted_minor"))["sum"] or 0 for rows in (refunds, disputes))
    return Money(payment.amount_minor - gone, payment.currency)


def _mark_owed(purchase: Purchase, payment: Payment, source: Source) -> None:
    if (purchase.attention, purchase.attention_detail) == (payment.attention, payment.detail):
        return
    purchase.attention, purchase.attention_detail = payment.attention, payment.detail
    if purchase.payment_was_refunded:
        purchase.failure_code = ""
    log.error("purchase_owes_payment", purchase=str(purchase.pk), payment=payment.stripe_payment_intent_id)
    detail = {"payment": payment.stripe_payment_intent_id, "attention": payment.attention}
    record(purchase, Change("payment_owed", detail=detail), source)


def _mark_unresolved(purchase: Purchase, each: Reversal, source: Source) -> None:
    """Ask staff for a reversal's amount in the payment's currency; until then it claims no credits."""
    detail = (
        f"{each.amount} was reversed for a payment in {purchase.currency.upper()}: enter the converted amount"
    )
    if (purchase.attention, purchase.attention_detail) == (Attention.RETURN_CURRENCY, detail):
        return
    purchase.attention, purchase.attention_detail = Attention.RETURN_CURRENCY, detail
    log.error("return_in_another_currency", purchase=str(purchase.pk), amount=str(each.amount))
    record(purchase, Change("return_unresolved", detail={"amount": str(each.amount)}), source)


def _clear(purchase: Purchase, source: Source) -> None:
    """Clear the attention, and close an open purchase, so that the sweeper stops polling it."""
    detail = {"attention": purchase.attention, "detail": purchase.attention_detail}
    what = "return_resolved" if purchase.attention == Attention.RETURN_CURRENCY else "payment_given_back"
    purchase.attention, purchase.attention_detail = Attention.NONE, ""
    status = None
    if not purchase.is_credited:
        purchase.failure_code = Purchase.PAYMENT_REFUNDED
        status = Status.FAILED if purchase.is_open else None
    record(purchase, Change(what, status, detail), source)
