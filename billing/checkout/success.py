"""What a buyer who comes back from Stripe's page is told: verified with Stripe, and credited if nobody was quicker.

Somebody who waits looks every other second, and so may many at once. Stripe is asked only for a session of ours, once
in `PAUSE` whoever looks, and while a thread is free for it (`billing.stripe.bulkhead`). Everybody else is told at once
what we know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from accounts.models import User
from billing.checkout.free_packages import free_purchase
from billing.checkout.fulfilment import fulfil_purchase
from billing.errors import SessionNotFound, SessionOfAnother, StripeBusy, StripeRefused, StripeUnavailable
from billing.purchases.log import Source
from billing.purchases.models import Purchase, PurchaseEvent
from billing.purchases.payment_reports import PaymentReport
from billing.stripe import gateway as stripe_gateway
from billing.stripe.bulkhead import place
from billing.stripe.objects import CheckoutSession

NO_SUCH_SESSION = "There is no such checkout session."
SESSION_ID = re.compile(r"cs_(test|live)_[A-Za-z0-9]{1,200}")
PAUSE = timedelta(seconds=2)


@dataclass(frozen=True)
class ShownSession:
    """A session as the older client reads it: as Stripe holds it, or as far as we know it."""

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
    """The user's purchase behind a session, brought to where Stripe says it is. Safe to repeat. A free purchase goes by
    its own id.

    While Stripe can't be reached, or has just been asked, the purchase is given as it stands: the next look, the
    webhook or the sweeper settles it.

    Raises:
        SessionNotFound: no such session, or somebody else's: the two look the same from outside.
    """
    if (free := free_purchase(user, session_id)) is not None:
        return free
    purchase = _own_purchase(user, session_id)
    if purchase.is_credited:
        return purchase
    try:
        session = _ask(purchase, session_id)
    except (StripeUnavailable, StripeRefused):
        return purchase
    return _settle(purchase, session, source) if session else purchase


def confirm_and_show_session(
    user: User, session_id: str, source: PurchaseEvent.Source
) -> tuple[Purchase, ShownSession]:
    """Do as `confirm_session` does, and give the session as Stripe holds it too, where it may be asked.

    Raises:
        SessionNotFound: no such session.
        SessionOfAnother: somebody else's.
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
    try:
        session = _ask(purchase, session_id)
    except StripeBusy:
        session = None
    if session is None:
        return purchase, ShownSession.of_purchase(purchase, user)
    return _settle(purchase, session, source), ShownSession.of_session(session)


def _own_purchase(user: User, session_id: str) -> Purchase:
    purchase = _with(session_id).filter(user=user).first()
    if purchase is None:
        raise SessionNotFound(NO_SUCH_SESSION)
    return purchase


def _with(session_id: str) -> QuerySet[Purchase]:
    if not SESSION_ID.fullmatch(session_id):
        return Purchase.objects.none()
    return Purchase.objects.filter(stripe_session_id=session_id)


def _ask(purchase: Purchase, session_id: str) -> CheckoutSession | None:
    """The session as Stripe holds it; None where somebody asked a moment ago."""
    try:
        with place(wait_s=0):
            if not _take_turn(purchase):
                return None
            return stripe_gateway.retrieve_session(session_id, hurried=True)
    except SessionNotFound as error:
        raise SessionNotFound(NO_SUCH_SESSION) from error  # in the very words used for somebody else's


def _take_turn(purchase: Purchase) -> bool:
    """Whether Stripe may be asked about the purchase now. Of several who come at once, in whatever process, one may."""
    is_due = Q(asked_stripe_at=None) | Q(asked_stripe_at__lte=Now() - PAUSE)
    return bool(Purchase.objects.filter(is_due, pk=purchase.pk).update(asked_stripe_at=Now()))


def _settle(purchase: Purchase, session: CheckoutSession, source: PurchaseEvent.Source) -> Purchase:
    return fulfil_purchase(purchase.pk, PaymentReport.from_session(session), Source(source))
