"""Refunds and disputes that were reported before anybody knew whose payment it is.

They wait without a purchase until a fulfilment records their payment, and takes them over in its own transaction. Where
the two cross, neither sees what the other is about to commit: so each early report also has a job that looks again.
"""

from __future__ import annotations

from django.conf import settings
from django.db import connection, transaction

from billing.jobs import send_refund_mail
from billing.matching import purchase_of_payment
from billing.models import Dispute, Purchase, PurchaseEvent, Refund
from billing.purchase_log import Change, Told, record, require_transaction
from billing.returns import Cause, Returned, settle_returns
from credits.models import Entry

# One statement: nearly every purchase has none, and this is on the way of every webhook that credits one.
ADOPT = """
WITH refunds AS (
    UPDATE billing_refund SET purchase_id = %(purchase)s
    WHERE purchase_id IS NULL AND stripe_payment_intent_id = %(payment)s RETURNING 1
), disputes AS (
    UPDATE billing_dispute SET purchase_id = %(purchase)s
    WHERE purchase_id IS NULL AND stripe_payment_intent_id = %(payment)s RETURNING 1
)
SELECT (SELECT count(*) FROM refunds) + (SELECT count(*) FROM disputes)
"""


def adopt_early_returns(purchase: Purchase, told: Told) -> int:
    """Gives a locked purchase what was reported of its payment before it, and settles that. How many there were."""
    require_transaction()
    if not purchase.stripe_payment_intent_id:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(ADOPT, {"purchase": purchase.pk, "payment": purchase.stripe_payment_intent_id})
        adopted = int(cursor.fetchone()[0])
    if adopted:
        metadata = {"status": "reported before the payment"}
        returned = settle_returns(
            purchase, Cause(kind=Entry.Kind.REFUND, policy=settings.REFUND_POLICY, metadata=metadata)
        )
        record(purchase, Change("returned_early", detail={"credits": str(-returned.taken)}), told)
        _note_with_the_first(purchase, returned)
        for refund_id in purchase.refunds.filter(status__in=Refund.STANDING).values_list("pk", flat=True):
            send_refund_mail.defer(refund_id=str(refund_id))  # the first one found no buyer to write to
    return adopted


def _note_with_the_first(purchase: Purchase, returned: Returned) -> None:
    """What was moved for all of them stands with the first, and so in their sum. It is nearly always one."""
    first = (
        purchase.refunds.filter(status__in=Refund.STANDING).order_by("created_at").first()
        or purchase.disputes.filter(status__in=Dispute.STANDING).order_by("created_at").first()
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
        return adopt_early_returns(purchase, Told(PurchaseEvent.Source.JOB)) if purchase else 0
