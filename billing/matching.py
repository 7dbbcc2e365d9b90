"""Which purchase does an object of Stripe's belong to? Finds it, locked where it may be changed, in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Q

from billing.models import Purchase
from billing.purchase_log import require_transaction
from billing.stripe_objects import CheckoutSession, PaymentIntent


def purchase_of_session(session: CheckoutSession) -> Purchase | None:
    """The purchase that opened this session, locked.

    The recorded session id decides. The reference that the session carries counts only for a purchase without a
    recorded session (we died between Stripe's answer and our commit): metadata can be copied, or be another system's.
    """
    found = _candidates(Q(stripe_session_id=session.id), session.reference)
    for purchase in found:
        if purchase.stripe_session_id == session.id:
            return purchase
    return next((purchase for purchase in found if purchase.stripe_session_id is None), None)


def purchases_of_sessions(sessions: Sequence[CheckoutSession]) -> dict[str, Purchase]:
    """`purchase_of_session` of many, by their ids, to read and not locked. Sessions of no purchase are left out."""
    references = [referred for session in sessions if (referred := as_uuid(session.reference))]
    recorded = Q(stripe_session_id__in=[session.id for session in sessions])
    unrecorded = Q(pk__in=references, stripe_session_id=None)
    found = list(Purchase.objects.filter(recorded | unrecorded))
    by_session = {purchase.stripe_session_id: purchase for purchase in found}
    by_reference = {str(purchase.pk): purchase for purchase in found if purchase.stripe_session_id is None}
    matches = {
        session.id: by_session.get(session.id) or by_reference.get(str(as_uuid(session.reference)))
        for session in sessions
    }
    return {session_id: purchase for session_id, purchase in matches.items() if purchase is not None}


def purchase_of_intent(intent: PaymentIntent) -> Purchase | None:
    """The purchase that this payment pays for, locked: by the recorded payment, else by the reference it carries."""
    found = _candidates(Q(stripe_payment_intent_id=intent.id), intent.reference)
    for purchase in found:
        if purchase.stripe_payment_intent_id == intent.id:
            return purchase
    # Even one that was paid otherwise already: then this is a second payment, and staff must see it.
    return found[0] if found else None


def purchase_of_payment(payment_intent_id: str) -> Purchase | None:
    """The purchase that has this payment on record, as its own or as one that was not credited; locked."""
    require_transaction()
    locked = Purchase.objects.select_for_update(of=("self",))
    mine = locked.filter(stripe_payment_intent_id=payment_intent_id).first()
    # Not in one statement: an OR over both tables would be answered by none of their indexes.
    return mine or locked.filter(uncredited_payments__stripe_payment_intent_id=payment_intent_id).first()


def _candidates(recorded: Q, reference: str) -> list[Purchase]:
    require_transaction()
    referred = as_uuid(reference)
    wanted = recorded | Q(pk=referred) if referred else recorded
    # In one order, always: two callers that find the same two rows must not wait for each other.
    return list(Purchase.objects.select_for_update(of=("self",)).filter(wanted).order_by("pk"))


def as_uuid(text: str) -> UUID | None:
    """``text`` as an id of ours; None where it is anything else."""
    try:
        return UUID(text)
    except ValueError:
        return None
