"""Let staff enter the amount of a refund or dispute for whose currency Stripe gives no rate."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from billing.errors import InvalidRefund, NotRepairable
from billing.purchases.log import Change, Source, lock_purchase, record
from billing.purchases.models import PurchaseEvent
from billing.refunds.claims import Reversal
from billing.refunds.disputes import apply_dispute
from billing.refunds.models import Dispute, Refund
from billing.refunds.refunding import close_refund

BY_STAFF = "staff"


def resolve_reversal(model: type[Refund] | type[Dispute], pk: UUID, minor: int, actor_id: UUID) -> Reversal:
    """Set a reversal's amount, in minor units of its payment's currency, and adjust the credits.

    Raises:
        InvalidRefund: below 0, or more than was paid.
        NotRepairable: the amount is already known.
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
            apply_dispute(each, source)
    return each
