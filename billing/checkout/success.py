"""Confirm a purchase with Stripe when its buyer returns from checkout, and fulfil it if nothing else has yet.

Success pages poll every other second, perhaps many together. Stripe is only asked about our own sessions, once per
`PAUSE` each, and while a thread is free (`Provider.place`); otherwise the recorded state is returned.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from accounts.models import User
from billing.checkout.card_payments import sync_card_purchase
from billing.checkout.free_packages import free_purchase
from billing.checkout.fulfilment import fulfil_purchase
from billing.errors import SessionNotFound, SessionOfAnother
from billing.provider import provider
from billing.provider.errors import StripeBusy, StripeRefused, StripeUnavailable
from billing.provider.objects import CheckoutSession
from billing.purchases.log import Source
from billing.purchases.models import Purchase, PurchaseEvent
from billing.purchases.payment_reports import PaymentReport
from core.uuids import as_uuid

NO_SUCH_SESSION = "There is no such checkout session."
SESSION_ID = re.compile(r"cs_(test|live)_[A-Za-z0-9]{1,200}")
PAUSE = timedelta(seconds=2)


@dataclass(frozen=True)
class ShownSession:
    """A session as the older client reads it, from Stripe or from our records."""

    id: str
    payment_status: str
    customer_email: str
    amount_total: int | None
    currency: str
    metadata: Mapping[str, str]
    payment_intent_id: str | None

    @classmethod
    def of_session(cls, session: CheckoutSession) -> ShownSession:
        return cls(
            id=session.id,
            payment_status=session.payment_status,
            customer_email=session.customer_email,
            amount_total=session.amount_total,
            currency=session.currency,
            metadata=session.metadata,
            payment_intent_id=session.payment_intent_id,
        )

    @classmethod
    def of_purchase(cls, purchase: Purchase, user: User) -> ShownSession:
        return cls(
            id=purchase.stripe_session_id or str(purchase.pk),
            payment_status=purchase.payment_status,
            customer_email=user.email,
            amount_total=purchase.amount_total,
            currency=purchase.currency,
            metadata={
                "purchase_id": str(purchase.pk),
                "user_id": str(user.pk),
                "package_code": purchase.package_code,
            },
            payment_intent_id=purchase.stripe_payment_intent_id,
        )


def confirm_session(user: User, session_id: str, source: PurchaseEvent.Source) -> Purchase:
    """Return the user's purchase behind a session, updated from Stripe. A free purchase goes by its own id.

    Safe to repeat. If Stripe is unavailable or was just asked, the purchase is returned as it is: the next poll, the
    webhook or the sweeper updates it.

    Raises:
        SessionNotFound: no such session, or another user's: the two look the same from outside.
    """
    if (free := free_purchase(user, session_id)) is not None:
        return free
    purchase = _own_purchase(user, session_id)
    if purchase.is_credited:
        return purchase
    if purchase.charges_card:
        return _confirm_card(purchase, source)
    try:
        session = _ask(purchase, session_id)
    except (StripeUnavailable, StripeRefused):
        return purchase
    return _fulfil(purchase, session, source) if session else purchase


def confirm_and_show_session(
    user: User, session_id: str, source: PurchaseEvent.Source
) -> tuple[Purchase, ShownSession]:
    """Confirm as `confirm_session` does, and return the session too, from Stripe if it may be asked.

    Raises:
        SessionNotFound: no such session.
        SessionOfAnother: another user's.
        StripeUnavailable, StripeRefused: Stripe was asked, and gave no answer.
    """
    if (free := free_purchase(user, session_id)) is not None:
        return free, ShownSession.of_purchase(free, user)
    try:
        purchase = _own_purchase(user, session_id)
    except SessionNotFound:
        if _with(session_id).exists():
            raise SessionOfAnother("This checkout session belongs to another user.") from None
        raise
    if purchase.charges_card:
        purchase = confirm_session(user, session_id, source)
        return purchase, ShownSession.of_purchase(purchase, user)
    try:
        session = _ask(purchase, session_id)
    except StripeBusy:
        session = None
    if session is None:
        return purchase, ShownSession.of_purchase(purchase, user)
    return _fulfil(purchase, session, source), ShownSession.of_session(session)


def _confirm_card(purchase: Purchase, source: PurchaseEvent.Source) -> Purchase:
    try:
        with provider().place(wait_s=0):
            return sync_card_purchase(purchase, Source(source)) if _take_turn(purchase) else purchase
    except (StripeUnavailable, StripeRefused):
        return purchase


def _own_purchase(user: User, session_id: str) -> Purchase:
    purchase = _with(session_id).filter(user=user).first()
    if purchase is None:
        raise SessionNotFound(NO_SUCH_SESSION)
    return purchase


def _with(session_id: str) -> QuerySet[Purchase]:
    if (own_id := as_uuid(session_id)) is not None:
        return Purchase.objects.filter(pk=own_id, charged_method__isnull=False)
    if not SESSION_ID.fullmatch(session_id):
        return Purchase.objects.none()
    return Purchase.objects.filter(stripe_session_id=session_id)


def _ask(purchase: Purchase, session_id: str) -> CheckoutSession | None:
    """Retrieve the session from Stripe; None if it was just asked."""
    try:
        with provider().place(wait_s=0):
            if not _take_turn(purchase):
                return None
            return provider().retrieve_session(session_id, hurried=True)
    except SessionNotFound as error:
        raise SessionNotFound(NO_SUCH_SESSION) from error  # the same message as for another user's session


def _take_turn(purchase: Purchase) -> bool:
    """Return whether Stripe may be asked now: of concurrent callers, in any process, one may."""
    is_due = Q(asked_stripe_at=None) | Q(asked_stripe_at__lte=Now() - PAUSE)
    return bool(Purchase.objects.filter(is_due, pk=purchase.pk).update(asked_stripe_at=Now()))


def _fulfil(purchase: Purchase, session: CheckoutSession, source: PurchaseEvent.Source) -> Purchase:
    return fulfil_purchase(purchase.pk, PaymentReport.from_session(session), Source(source))
