"""Keep the data of one Stripe account and mode apart from every other.

A signature proves that an event is Stripe's, not that it is ours: platforms get events of connected accounts, and an
endpoint can have another mode's secret. A key of another account would mix its payments with ours. So account and
mode are recorded on first contact, and everything later is checked against them.
"""

from __future__ import annotations

import hashlib

import structlog
from django.conf import settings
from django.db import DatabaseError, transaction

from billing.provider.errors import StripeRefused, StripeUnavailable, WrongStripeAccount
from billing.provider.objects import ProviderEvent
from billing.stripe.client import ask
from billing.stripe.models import StripeAccount

log = structlog.get_logger(__name__)
LIVE = "_live_"

# Digests of the keys that this process found to be the account's.
_checked: set[str] = set()


def why_not_ours(event: ProviderEvent) -> str:
    """Return why a signed event isn't of our account and mode; empty if it is. Queries only if it names an account."""
    if event.livemode != is_live():
        return f"The event is in {_mode(event.livemode)} mode, but this site is in {_mode(is_live())} mode."
    if event.account:
        known = StripeAccount.objects.values_list("account_id", flat=True).first()
        if event.account != known:
            return f"The event belongs to the account {event.account[:100]}, but this site uses {known or 'none yet'}."
    return ""


def require_own_account() -> None:
    """Require a key of the data's account and mode, or record them if there is no data yet. Asks Stripe once per key.

    Raises:
        WrongStripeAccount: it is another's.
        StripeUnavailable, StripeRefused: the key is new, and Stripe gave no account for it.
    """
    digest = _digest()
    if digest in _checked:
        return
    known = StripeAccount.objects.first()
    _compare_mode(known)
    if known is None or known.key_digest != digest:
        _learn(str(ask(lambda v1: v1.accounts.retrieve_current())["id"]), digest)
    _checked.add(digest)


def refuse_other_account() -> None:
    """Require the right account on start; without Stripe's answer, the first call to Stripe asks again.

    Raises:
        WrongStripeAccount: the key is of another account or mode.
    """
    try:
        require_own_account()
    except (StripeUnavailable, StripeRefused, DatabaseError) as error:
        log.warning("stripe_account_not_checked", reason=type(error).__name__)


def why_not_this_account(account_id: str) -> str:
    """Return why a key of this account doesn't match the data; empty if it does. Changes nothing."""
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
