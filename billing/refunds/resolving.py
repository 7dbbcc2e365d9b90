"""Refunds and disputes in a currency that Stripe names no rate for: staff say what one comes to."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from billing.errors import InvalidRefund, NotRepairable
from billing.purchases.log import Change, Source, lock_purchase, record
from billing.purchases.models import PurchaseEvent
from billing.refunds.disputes import settle_dispute
from billing.refunds.models import Dispute, Refund
from billing.refunds.refunding import close_refund
from billing.refunds.reversals import Reversal

BY_STAFF = "staff"


def resolve_reversal(model: type[Refund] | type[Dispute], pk: UUID, minor: int, actor_id: UUID) -> Reversal:
    """Takes a refund or dispute for so many minor units of its payment's currency, and brings the credits to that.

    Raises:
        InvalidRefund: below 0, or more than was paid.
        NotRepairable: what it comes to is known already.
    """
    source = Source(PurchaseEvent.Source.STAFF, actor_id=actor_id)
    with transaction.atomic():
        purchase = lock_purchase(model.objects.values_list("payment__purchase", flat=True).get(pk=pk))
        each: Reversal = model.objects.select_related("payment").select_for_update(of=("self",)).get(pk=pk)
        each.payment.purchase = purchase
        if each.counted_minor is not None:
            raise NotRepairable("The amount is already known.")
        if not 0 <= minor <= each.payment.amount_minor:
            raise InvalidRefund(f"Enter an amount from 0 to {each.payment.amount}.", field="amount")
        each.counted_minor, each.counted_by = minor, BY_STAFF
        each.save(update_fields=["counted_minor", "counted_by"])
        detail = {"amount": str(each.amount), "counted": str(minor)}
        record(purchase, Change("return_counted", detail=detail), source)
        if isinstance(each, Refund):
            close_refund(each, f"refund_{each.status}", source)
        else:
            settle_dispute(each, source)
    return each
