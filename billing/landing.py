"""What a buyer who comes back from Stripe's page is told: verified with Stripe, and credited if nobody was quicker."""

from __future__ import annotations

import re

import structlog
from django.db import transaction

from accounts.models import User
from billing import stripe_gateway
from billing.errors import SessionNotFound, SessionOfAnother, StripeRefused, StripeUnavailable
from billing.fulfilment import fulfil_purchase
from billing.matching import purchase_of_session
from billing.models import Purchase, PurchaseEvent
from billing.payment_reports import PaymentReport
from billing.purchase_log import Told
from billing.stripe_objects import CheckoutSession

log = structlog.get_logger(__name__)
NO_SUCH_SESSION = "There is no such checkout session."
SESSION_ID = re.compile(r"cs_(test|live)_[A-Za-z0-9]{1,200}")


def settle_session(user: User, session_id: str, source: PurchaseEvent.Source) -> Purchase:
    """The user's purchase behind a session, brought to where Stripe says it is. Safe to repeat.

    While Stripe can't be reached the purchase is given as it stands: the webhook or the sweeper settles it.

    Raises:
        SessionNotFound: no such session, or somebody else's: the two look the same from outside.
    """
    _check(session_id)
    purchase = Purchase.objects.filter(user=user, stripe_session_id=session_id).first()
    if purchase is not None and purchase.is_credited:
        return purchase
    try:
        return _settle(user, session_id, source)[0]
    except (StripeUnavailable, StripeRefused):
        if purchase is None:
            raise SessionNotFound(NO_SUCH_SESSION) from None
        return purchase


def settle_and_show_session(
    user: User, session_id: str, source: PurchaseEvent.Source
) -> tuple[Purchase, CheckoutSession]:
    """Do as `settle_session` does, and give the session as Stripe holds it too; so this needs Stripe's answer.

    Raises:
        SessionNotFound: no such session.
        SessionOfAnother: somebody else's.
        StripeUnavailable, StripeRefused: no answer.
    """
    _check(session_id)
    if Purchase.objects.filter(stripe_session_id=session_id).exclude(user=user).exists():
        raise SessionOfAnother("This checkout session is somebody else's.")
    return _settle(user, session_id, source)


def _check(session_id: str) -> None:
    if not SESSION_ID.fullmatch(session_id):
        raise SessionNotFound(NO_SUCH_SESSION)


def _settle(user: User, session_id: str, source: PurchaseEvent.Source) -> tuple[Purchase, CheckoutSession]:
    try:
        session = stripe_gateway.retrieve_session(session_id)
    except SessionNotFound as error:
        raise SessionNotFound(NO_SUCH_SESSION) from error  # in the very words used for somebody else's
    with transaction.atomic():
        purchase = purchase_of_session(session)
    if purchase is None or purchase.user_id != user.pk:
        raise SessionNotFound(NO_SUCH_SESSION)
    return fulfil_purchase(purchase.pk, PaymentReport.from_session(session), Told(source)), session
