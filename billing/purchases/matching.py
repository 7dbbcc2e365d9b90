"""Find the purchase or payment that a Stripe object belongs to, locked where it may be changed."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet

from billing.provider.objects import CheckoutSession, PaymentIntent
from billing.purchases.models import Payment, Purchase
from core.database.locks import require_transaction
from core.uuids import as_uuid

# Not an OR, which can't use an index.
EITHER = """
purchases_purchase.id = ANY (ARRAY(
    SELECT purchase_id FROM purchases_payment WHERE stripe_payment_intent_id = %s UNION SELECT %s::uuid
))
"""


def purchase_of_session(session: CheckoutSession) -> Purchase | None:
    """Return the purchase that opened this session, locked.

    The recorded session id decides. The session's reference counts only for a purchase without a recorded session
    (after a crash between Stripe's answer and our commit): metadata can be copied or come from another system.
    """
    found = _candidates(Q(stripe_session_id=session.id), session.reference)
    for purchase in found:
        if purchase.stripe_session_id == session.id:
            return purchase
    return next((purchase for purchase in found if purchase.stripe_session_id is None), None)


def purchases_of_sessions(sessions: Sequence[CheckoutSession]) -> dict[str, Purchase]:
    """Return the purchases of many sessions by session id, with payments, unlocked. Unmatched sessions are left out."""
    references = [referred for session in sessions if (referred := as_uuid(session.reference))]
    recorded = Q(stripe_session_id__in=[session.id for session in sessions])
    unrecorded = Q(pk__in=references, stripe_session_id=None)
    found = list(Purchase.objects.filter(recorded | unrecorded).prefetch_related("payments"))
    by_session = {purchase.stripe_session_id: purchase for purchase in found}
    by_reference = {str(purchase.pk): purchase for purchase in found if purchase.stripe_session_id is None}
    matches = {
        session.id: by_session.get(session.id) or by_reference.get(str(as_uuid(session.reference)))
        for session in sessions
    }
    return {session_id: purchase for session_id, purchase in matches.items() if purchase is not None}


def purchase_of_intent(payment_intent_id: str, reference: str) -> Purchase | None:
    """Return the payment's purchase, locked: by the recorded payment, else by the reference it carries.

    It may already be paid otherwise: then this is a second payment.
    """
    require_transaction()
    recorded = Payment.objects.filter(purchase=OuterRef("pk"), stripe_payment_intent_id=payment_intent_id)
    found = _locked().annotate(is_recorded=Exists(recorded)).order_by("pk")
    either = found.extra(where=[EITHER], params=[payment_intent_id, as_uuid(reference)])  # noqa: S610 - our constant
    candidates = list(either)
    return max(candidates, key=lambda purchase: purchase.is_recorded, default=None)


def purchases_of_intents(intents: Sequence[PaymentIntent]) -> dict[str, Purchase]:
    """Return the purchases of many payments by payment intent id, with payments, unlocked: by the payment recorded,
    else by its reference. Unmatched ones are left out.
    """
    named = {intent.id: as_uuid(intent.reference) for intent in intents}
    recorded = Payment.objects.filter(stripe_payment_intent_id__in=list(named))
    named |= dict(recorded.values_list("stripe_payment_intent_id", "purchase_id"))
    wanted = {purchase_id for purchase_id in named.values() if purchase_id is not None}
    found = Purchase.objects.prefetch_related("payments").in_bulk(wanted)
    return {intent_id: found[each] for intent_id, each in named.items() if each in found}


def payment_of(payment_intent_id: str, charge_id: str) -> Payment | None:
    """Return the payment by its payment intent, else by its charge, with its purchase locked."""
    require_transaction()
    named = (
        Q(stripe_payment_intent_id=payment_intent_id) if payment_intent_id else Q(stripe_charge_id=charge_id)
    )
    if not payment_intent_id and not charge_id:
        return None
    locked = Payment.objects.select_related("purchase__user").select_for_update(of=("purchase",))
    return locked.filter(named).first()


def known_payments(payment_intent_ids: Sequence[str], charge_ids: Sequence[str]) -> QuerySet[Payment]:
    """Return our payments with these payment intents or charges, unlocked."""
    intents = [identifier for identifier in payment_intent_ids if identifier]
    charges = [identifier for identifier in charge_ids if identifier]
    return Payment.objects.filter(Q(stripe_payment_intent_id__in=intents) | Q(stripe_charge_id__in=charges))


def _candidates(recorded: Q, reference: str) -> list[Purchase]:
    require_transaction()
    referred = as_uuid(reference)
    wanted = recorded | Q(pk=referred) if referred else recorded
    # Lock in a fixed order, so that callers with the same rows don't deadlock.
    return list(_locked().filter(wanted).order_by("pk"))


def _locked() -> QuerySet[Purchase]:
    return Purchase.objects.select_related("user").select_for_update(of=("self",))
