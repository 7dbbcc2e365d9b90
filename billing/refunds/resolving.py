"""Refunds and disputes in a currency that Stripe names no rate for: staff say what one comes to."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from billing.errors import InvalidRefund, NotRepairable
from billing.purchases.log import Change, Told, lock_purchase, record
from billing.purchases.models import PurchaseEvent
from billing.refunds.disputes import settle_dispute
from billing.refunds.models import Dispute, Refund
from billing.refunds.refunding import settle_refund
from billing.refunds.reversals import Return

BY_STAFF = "staff"


def resolve_return(model: type[Refund] | type[Dispute], pk: UUID, minor: int, actor_id: UUID) -> Return:
    """Takes a refund or dispute for so many minor units of its payment's currency, and brings the credits to that.

    Raises:
        InvalidRefund: below 0, or more than was paid.
        NotRepairable: what it comes to is known already.
    """
    told = Told(PurchaseEvent.Source.STAFF, actor_id=actor_id)
    with transaction.atomic():
        purchase = lock_purchase(model.objects.values_list("payment__purchase", flat=True).get(pk=pk))
        each: Return = model.objects.select_related("payment").select_for_update(of=("self",)).get(pk=pk)
        each.payment.purchase = purchase
        if each.counted_minor is not None:
            raise NotRepairable("The amount is already known.")
        if not 0 <= minor <= each.payment.amount_minor:
            raise InvalidRefund(f"Enter an amount from 0 to {each.payment.amount}.", field="amount")
        each.counted_minor, each.counted_by = minor, BY_STAFF
        each.save(update_fields=["counted_minor", "counted_by"])
        detail = {"amount": str(each.amount), "counted": str(minor)}
        record(purchase, Change("return_counted", detail=detail), told)
        if isinstance(each, Refund):
            settle_refund(each, f"refund_{each.status}", told)
        else:
            settle_dispute(each, told)
    return each
