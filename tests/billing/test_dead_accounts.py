"""An erased person's account and a deleted team's take nothing in and open no hold; a payment that comes too late for
them goes before staff.
"""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.models import User
from accounts.teams.membership import create_team
from billing.checkout.repair import rerun_fulfilment
from billing.privacy.erasure import erase_user
from billing.purchases.models import Purchase
from billing.refunds.owed_payments import owed_payments
from credits.errors import AccountClosed
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from credits.proof.checking import find_violations
from tests.billing.reporting import deliver, kinds, reconcile_now
from tests.credits.builders import claim, claw_back, grant, hold, numbers
from tests.returns.asking import finance, refund
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox
from tests.teams.builders import make_people

pytestmark = pytest.mark.django_db(transaction=True)


def account_of(kind: str) -> Account:
    """With 100 bought credits, of which 30 are held. Its person is erased, or its team deleted, since."""
    if kind == "team":
        people = make_people()
        account = ledger.open_team_account(people.team)
    else:
        account = ledger.open_account(UserFactory.create())
    grant(account, 100)
    hold(account, 30)
    if account.team is not None:
        account.team.delete()
    elif account.owner is not None:
        account.owner.delete()
    account.refresh_from_db()
    return account


@pytest.mark.parametrize("kind", ["person", "team"])
def test_a_dead_account_takes_nothing_in_and_opens_no_hold(kind: str) -> None:
    account = account_of(kind)
    before = numbers(account)
    for attempt in (
        lambda: grant(account, 10, key="late"),
        lambda: hold(account, 10, key="late"),
        lambda: ledger.transfer(alive().pk, account.pk, Decimal(5), key="gift"),
    ):
        with pytest.raises(AccountClosed):
            attempt()
    assert numbers(account) == before
    assert list(find_violations()) == []


def alive() -> Account:
    account = ledger.open_account(UserFactory.create())
    grant(account, 10)
    return account


def test_a_dead_account_owes_nothing() -> None:
    account = account_of("person")
    claw_back(account, claim(100, "debt"))
    assert numbers(account)[2] == 0


@pytest.fixture
def buyer() -> User:
    user: User = UserFactory.create()
    return user


@pytest.mark.parametrize("gone", ["erased", "deleted", "team deleted"])
def test_a_payment_that_comes_too_late_goes_before_staff(sandbox: Sandbox, buyer: User, gone: str) -> None:
    put_on_sale()
    sandbox.hold_webhooks()
    team = create_team(buyer, "Crew") if gone == "team deleted" else None
    session = start(buyer, "standard", team_id=team and team.pk).session_id
    sandbox.pay_later(session)
    sandbox.fail(session)
    deliver(sandbox)
    if team is not None:
        team.delete()
    elif gone == "erased":
        erase_user(buyer.pk)
    else:
        buyer.delete()
    sandbox.pay_again(session)

    assert set(deliver(sandbox)) == {200}
    purchase = Purchase.objects.get()
    assert (purchase.attention, purchase.is_credited) == ("buyer_deleted", False)
    assert kinds(reconcile_now().open) == ["buyer_deleted"]
    rerun_fulfilment(purchase.pk, finance().pk)
    assert not Entry.objects.exists()
    (owed,) = owed_payments(purchase)
    refund(purchase, owed.left.minor, payment_id=owed.payment.pk)
    assert Purchase.objects.get().attention == ""
    assert list(find_violations()) == []
