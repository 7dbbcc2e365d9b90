"""Refunds and disputes that were reported before anybody knew whose payment it is, or that it was paid.

They wait, with or without a purchase, until a fulfilment records their payment, and takes them over in its own
transaction. Where the two cross, neither sees what the other is about to commit: so each report that found no purchase
also has a job that looks again.
"""

from __future__ import annotations

from django.conf import settings
from django.db import connection, transaction

from billing.jobs import send_refund_mail
from billing.matching import purchase_of_payment
from billing.models import Dispute, Purchase, PurchaseEvent, Refund
from billing.purchase_log import Change, Told, record, require_transaction
from billing.returns import Cause, Returned, settle_returns
from billing.uncredited_payments import settle_attention_of
from credits.models import Entry

# One statement: nearly every purchase has none, and this is on the way of every webhook that credits one.
ADOPT = """
WITH refunds AS (
    UPDATE billing_refund SET purchase_id = %(purchase)s
    WHERE stripe_payment_intent_id = %(payment)s AND (purchase_id IS NULL OR purchase_id = %(purchase)s) RETURNING 1
), disputes AS (
    UPDATE billing_dispute SET purchase_id = %(purchase)s
    WHERE stripe_payment_intent_id = %(payment)s AND (purchase_id IS NULL OR purchase_id = %(purchase)s) RETURNING 1
)
SELECT (SELECT count(*) FROM refunds) + (SELECT count(*) FROM disputes)
"""


def adopt_early_returns(purchase: Purchase, payment_intent_id: str | None, told: Told) -> int:
    """Gives a locked purchase what was reported of a payment of it before that, and settles it. How many there were."""
    require_transaction()
    if not payment_intent_id:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(ADOPT, {"purchase": purchase.pk, "payment": payment_intent_id})
        adopted = int(cursor.fetchone()[0])
    if adopted:
        metadata = {"status": "reported before the payment"}
        returned = settle_returns(
            purchase, Cause(kind=Entry.Kind.REFUND, policy=settings.REFUND_POLICY, metadata=metadata)
        )
        record(purchase, Change("returned_early", detail={"credits": str(-returned.taken)}), told)
        settle_attention_of(purchase, payment_intent_id, told)
        _note_with_the_first(purchase, returned)
        standing = purchase.refunds.filter(
            status__in=Refund.STANDING, stripe_payment_intent_id=payment_intent_id
        )
        for refund_id in standing.values_list("pk", flat=True):
            send_refund_mail.defer(refund_id=str(refund_id))  # the first one found no buyer to write to
    return adopted


def _note_with_the_first(purchase: Purchase, returned: Returned) -> None:
    """What was moved for all of them stands with the first, and so in their sum. It is nearly always one."""
    of_it = {"stripe_payment_intent_id": purchase.stripe_payment_intent_id}
    first = (
        purchase.refunds.filter(status__in=Refund.STANDING, **of_it).order_by("created_at").first()
        or purchase.disputes.filter(status__in=Dispute.STANDING, **of_it).order_by("created_at").first()
    )
    if first is not None:
        first.credits_asked += returned.asked
        first.credits_taken += returned.taken
        first.credits_owed += returned.owed
        first.save()


def look_for_purchase(payment_intent_id: str) -> int:
    """What the job of an early report does. How many reports found their purchase."""
    with transaction.atomic():
        purchase = purchase_of_payment(payment_intent_id)
        if purchase is None or not _any_waits(payment_intent_id):
            return 0
        return adopt_early_returns(purchase, payment_intent_id, Told(PurchaseEvent.Source.JOB))


def _any_waits(payment_intent_id: str) -> bool:
    """Whether anything of the payment has no purchase yet; the fulfilment may have been quicker."""
    waiting = {"purchase": None, "stripe_payment_intent_id": payment_intent_id}
    return Refund.objects.filter(**waiting).exists() or Dispute.objects.filter(**waiting).exists()
