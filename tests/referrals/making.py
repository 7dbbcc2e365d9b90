"""Users who refer others, and what these pay."""

from __future__ import annotations

import datetime
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.utils import timezone

from accounts.models import User
from billing.checkout.fulfilment import fulfil_purchase
from billing.purchases.models import Purchase
from billing.referrals.binding import bind
from billing.referrals.models import Referral
from billing.referrals.referrers import referrer_of
from billing.referrals.rewarding import watch_referrals
from billing.referrals.visits import Visit
from credits.ledger.models import Account
from tests.billing.reporting import deliver
from tests.receipts.papers import SOURCE, pending
from tests.support.builders import VISA, UserFactory, charge_for, paid_report, start
from tests.support.sandbox import Sandbox

REWARD = Decimal(500)
CARD, ANOTHER_CARD = "4242424242424242", "4000000000005126"


def refer(referrer: User, **facts: Any) -> User:
    """A user who followed the referrer's link, then signed up."""
    visit = Visit(referrer_of(referrer).code, timezone.now())
    user: User = UserFactory(**facts)
    assert bind(user, visit)
    return user


def pay(user: User, fingerprint: str = "", **fields: Any) -> Purchase:
    """A paid purchase, with a card of the user's own unless its fingerprint is named."""
    card = replace(VISA, fingerprint=fingerprint or f"f{user.pk.hex}")
    purchase = pending(user, **fields)
    charge = charge_for(purchase, card, timezone.now())
    return fulfil_purchase(purchase.pk, paid_report(purchase, charge=charge), SOURCE)


def buy(sandbox: Sandbox, user: User, card: str = CARD) -> Purchase:
    """A starter pack, bought at the local Stripe, which holds its webhooks."""
    started = start(user)
    sandbox.pay(started.session_id, card)
    deliver(sandbox)
    return Purchase.objects.get(pk=started.purchase.pk)


def let_wait() -> None:
    """As if the waiting time of all had passed; then the job looks."""
    watch_referrals()
    Referral.objects.filter(state=Referral.State.PENDING).update(
        due_at=timezone.now() - datetime.timedelta(seconds=1)
    )
    watch_referrals()


def promised(user: User) -> Any:
    """The promotional credits that the user has left; untyped: they are compared with plain numbers."""
    account = Account.objects.filter(owner=user).first()
    lots = account.lots.filter(promotional=True) if account else []
    return sum((lot.remaining for lot in lots), Decimal(0))


def standing(user: User) -> tuple[str, str]:
    referral = Referral.objects.get(referred=user)
    return referral.state, referral.reason
