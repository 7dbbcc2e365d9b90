"""Credits that were given away and came back are their purchase's again: a refund or chargeback takes them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.models import User
from billing.purchases.models import Purchase
from billing.refunds.models import Dispute, Refund
from credits.ledger import operations as ledger
from credits.ledger.models import Account
from tests.billing.reporting import deliver
from tests.returns.asking import refund, refund_in_dashboard
from tests.returns.selling import balance, came, charge_of, fresh
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def friend() -> Account:
    return ledger.open_account(UserFactory.create())


def give(giver: object, receiver: object, amount: int, key: str) -> None:
    ledger.transfer(giver, receiver, Decimal(amount), key=key)  # type: ignore[arg-type]  # ids of accounts


def take_money_back(how: str, sandbox: Sandbox, purchase: Purchase) -> None:
    if how == "refund here":
        refund(purchase, 4500)
    elif how == "refund at Stripe":
        refund_in_dashboard(purchase, 4500)
    else:
        sandbox.dispute(charge_of(sandbox, purchase))
    deliver(sandbox)


WAYS = pytest.mark.parametrize("how", ["refund here", "refund at Stripe", "chargeback"])


@WAYS
def test_a_round_trip_shields_nothing(
    sandbox: Sandbox, purchase: Purchase, friend: Account, how: str
) -> None:
    give(purchase.account_id, friend.pk, 5000, "there")
    give(friend.pk, purchase.account_id, 5000, "and back")
    take_money_back(how, sandbox, purchase)

    assert balance(purchase) == 0
    assert fresh(purchase).status == ("disputed" if how == "chargeback" else "refunded")


@WAYS
def test_what_comes_back_after_the_money_went_is_taken_when_it_comes(
    sandbox: Sandbox, purchase: Purchase, friend: Account, how: str
) -> None:
    give(purchase.account_id, friend.pk, 3000, "there")
    take_money_back(how, sandbox, purchase)
    returned: Refund | Dispute = Dispute.objects.get() if how == "chargeback" else Refund.objects.get()
    assert came(returned) == (2000, 0, 0, 3000)
    give(friend.pk, purchase.account_id, 2500, "and back")

    assert came(returned) == (4500, 0, 0, 500)
    assert balance(purchase) == 0


def test_a_gift_that_comes_back_through_several_hands_is_taken(
    sandbox: Sandbox, purchase: Purchase, friend: Account, buyer: User
) -> None:
    other = ledger.open_account(UserFactory.create())
    give(purchase.account_id, friend.pk, 5000, "one")
    give(friend.pk, other.pk, 4000, "two")
    give(other.pk, purchase.account_id, 4000, "three")
    take_money_back("chargeback", sandbox, purchase)

    assert balance(purchase) == 0
    assert came(Dispute.objects.get()) == (4000, 0, 0, 1000)
