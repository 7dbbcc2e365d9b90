"""Keeps the data of one Stripe account and mode apart from every other.

A signature proves that an event is Stripe's, not that it is ours: platforms get events of connected accounts, and an
endpoint can be given another mode's secret. And a key of another account would read and write somebody else's payments
under our ids. So account and mode are remembered at the first contact, and everything later is held to them.
"""

from __future__ import annotations

import hashlib

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction

from billing.errors import StripeRefused, StripeUnavailable, WrongStripeAccount
from billing.stripe import gateway as stripe_gateway
from billing.stripe.models import StripeAccount
from billing.stripe.objects import StripeEvent

log = structlog.get_logger(__name__)
LIVE = "_live_"

# The key that this process has seen to be the account's.
_checked: set[str] = set()


def why_not_ours(event: StripeEvent) -> str:
    """Why an event with a valid signature is not about our account and mode; empty where it is. A query only where the
    event names an account.
    """
    if event.livemode != is_live():
        return f"The event is in {_mode(event.livemode)} mode, but this site is in {_mode(is_live())} mode."
    if event.account:
        known = StripeAccount.objects.values_list("account_id", flat=True).first()
        if event.account != known:
            return f"The event belongs to the account {event.account[:100]}, but this site uses {known or 'none yet'}."
    return ""


def require_own_account() -> None:
    """Makes sure that the key is one of the account and mode that the data is of; learns them where there is no data
    yet. Asks Stripe once for each new key.

    Raises:
        WrongStripeAccount: it is another's.
        StripeUnavailable, StripeRefused: a new key, and Stripe doesn't say whose it is.
    """
    digest = _digest()
    if digest in _checked:
        return
    known = StripeAccount.objects.first()
    _compare_mode(known)
    if known is None or known.key_digest != digest:
        _learn(stripe_gateway.account_id(), digest)
    _checked.add(digest)


def refuse_other_account() -> None:
    """`require_own_account` for a process that starts: with a wrong key it must not, and without Stripe's answer it
    may; whoever first calls Stripe asks again.

    Raises:
        WrongStripeAccount: the key is of another account or mode.
    """
    try:
        require_own_account()
    except (StripeUnavailable, StripeRefused, DatabaseError) as error:
        log.warning("stripe_account_not_checked", reason=type(error).__name__)


def why_not_this_account(account_id: str) -> str:
    """Why the key doesn't go with the data, when it is of this account; empty where it does. Changes nothing."""
    known = StripeAccount.objects.first()
    try:
        _compare_mode(known)
        _compare_account(known, account_id)
    except WrongStripeAccount as error:
        return error.message
    return ""


def is_live() -> bool:
    return LIVE in settings.STRIPE_SECRET_KEY


def _learn(account_id: str, digest: str) -> None:
    facts = {"account_id": account_id, "livemode": is_live(), "key_digest": digest}
    with transaction.atomic():
        known, _is_new = StripeAccount.objects.select_for_update().get_or_create(id=1, defaults=facts)
        _compare_mode(known)
        _compare_account(known, account_id)
        StripeAccount.objects.update(key_digest=digest)


def _compare_mode(known: StripeAccount | None) -> None:
    if known is not None and known.livemode != is_live():
        raise WrongStripeAccount(
            f"STRIPE_SECRET_KEY is a {_mode(is_live())} key, but the data here is in {_mode(known.livemode)} mode."
            " Use a key of that mode, or a separate database."
        )


def _compare_account(known: StripeAccount | None, account_id: str) -> None:
    if known is not None and known.account_id != account_id:
        raise WrongStripeAccount(
            f"STRIPE_SECRET_KEY belongs to the account {account_id}, but the data here to {known.account_id}."
            " Use that account's key, or a separate database."
        )


def _digest() -> str:
    return hashlib.sha256(settings.STRIPE_SECRET_KEY.encode()).hexdigest()


def _mode(is_live: bool) -> str:
    return "live" if is_live else "test"
