"""What was paid is deferred, recognised (breakage with it), written off, or went back: of each currency, to the last
fraction, whatever happened. Where it isn't, `rebuild_figures` names the currency and fails.
"""

from __future__ import annotations

import datetime
from decimal import Decimal
from io import StringIO
from typing import Any, NamedTuple

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from billing.privacy.erasure import erase_user
from billing.purchases.models import Purchase
from billing.reporting.balance import unbalanced_currencies
from billing.reporting.models import SalesDay
from billing.reporting.selectors import Buyers, buyers_by, revenue_by_day, sales_in, total_revenue
from core.days import day_of
from credits.ledger import operations as ledger
from credits.reporting.models import FirstSpend
from credits.reporting.selectors import standing_at
from tests.billing.reporting import deliver
from tests.credits.adjusting import ask
from tests.credits.builders import let_lot_expire, no_triggers, open_account
from tests.credits.checking import run
from tests.figures.counting import count, rebuild
from tests.returns.asking import refund
from tests.returns.selling import buy, charge_of, spend
from tests.support.builders import PackageFactory, UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

RIGHT = "The figures match the recount.\n"


class Figures(NamedTuple):
    """All of one currency, in minor units. Untyped: they are compared with plain numbers."""

    paid: Any = 0
    deferred: Any = 0
    used: Any = 0
    breakage: Any = 0
    written_off: Any = 0
    returned: Any = 0


def figures(currency: str = "usd") -> Figures:
    """As the front page shows them, once they are counted and found to come to what was paid."""
    count()
    assert list(unbalanced_currencies()) == []
    assert rebuild("--check") == RIGHT
    today = day_of(timezone.now()) + datetime.timedelta(days=1)
    sales = sales_in(None, today, currency)
    revenue = total_revenue(revenue_by_day(None, today, currency))
    deferred = standing_at(today, currency).deferred
    return Figures(
        sales.paid_minor, deferred, revenue.used, revenue.breakage, revenue.written_off, sales.returned_minor
    )


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()
    sandbox.hold_webhooks()


@pytest.fixture
def buyer() -> User:
    user: User = UserFactory.create()
    return user


@pytest.fixture
def purchase(sandbox: Sandbox, buyer: User) -> Purchase:
    """5,000 credits for $45.00: 0.9 cents each."""
    return buy(sandbox, buyer)


def give(purchase: Purchase, amount: int) -> Any:
    """To a friend; whose account that is."""
    friend = open_account()
    ledger.transfer(purchase.account_id, friend.pk, Decimal(amount), key="gift")
    return friend


def test_a_refund_that_fails_after_another_purchase_repaid_its_debt_leaves_no_more_than_was_paid(
    sandbox: Sandbox, buyer: User, purchase: Purchase
) -> None:
    spend(purchase, 5000)
    made = refund(purchase, 1800, policy="debt")
    buy(sandbox, buyer, "starter")
    assert figures() == Figures(paid=5500, used=3700, returned=1800)

    sandbox.fail_refund(made.stripe_refund_id)
    deliver(sandbox)
    assert figures() == Figures(paid=5500, deferred=1000, used=4500)


@pytest.mark.parametrize(("package", "currency", "gifts"), [("enterprise", "usd", 200), ("yen", "jpy", 100)])
def test_gifts_of_single_credits_make_no_cent_and_lose_none(
    sandbox: Sandbox, buyer: User, package: str, currency: str, gifts: int
) -> None:
    """Each credit cost 0.7 of the smallest unit."""
    PackageFactory.create(code="yen", credits=100, price_minor=70, currency="jpy")
    bought, friend = buy(sandbox, buyer, package), open_account()
    for number in range(gifts):
        ledger.transfer(bought.account_id, friend.pk, Decimal(1), key=f"gift {number}")
    assert figures(currency) == Figures(paid=bought.price_minor, deferred=bought.price_minor)

    ledger.transfer(friend.pk, bought.account_id, Decimal(10), key="back")
    ledger.spend(friend.pk, Decimal(gifts - 10), key="job")
    used = (gifts - 10) * Decimal("0.7")
    assert figures(currency) == Figures(bought.price_minor, bought.price_minor - used, used)


def test_what_staff_took_and_an_erasure_forfeited_is_written_off(buyer: User, purchase: Purchase) -> None:
    ask(purchase.account, -600)
    assert figures() == Figures(paid=4500, deferred=3960, written_off=540)

    erase_user(buyer.pk, forfeit=True)
    assert figures() == Figures(paid=4500, written_off=4500)


def test_what_expired_is_breakage(purchase: Purchase) -> None:
    spend(purchase, 1000)
    let_lot_expire(purchase.account.lots.get().pk)
    ledger.expire_lots(purchase.account_id)

    assert figures() == Figures(paid=4500, used=900, breakage=3600)


def test_a_free_pack_is_no_paid_purchase_and_buys_no_credits(sandbox: Sandbox, buyer: User) -> None:
    PackageFactory.create(code="free", price_minor=0, credits=50)
    start(buyer, "free")
    spend(Purchase.objects.get(status="completed"), 10)

    assert figures() == Figures()
    today = day_of(timezone.now())
    standing: Any = standing_at(today, "usd")
    assert (standing.paid, standing.promotional) == (0, 40)
    assert buyers_by(today) == Buyers(all=0, again=0)
    assert not SalesDay.objects.exists()
    assert not FirstSpend.objects.exists()


def test_a_refund_of_credits_that_were_used_takes_their_revenue_back(purchase: Purchase) -> None:
    spend(purchase, 4000)
    refund(purchase, 2700)

    assert figures() == Figures(paid=4500, used=1800, returned=2700)


def test_a_dispute_keeps_its_money_away_until_it_is_won(sandbox: Sandbox, purchase: Purchase) -> None:
    spend(purchase, 4000)
    sandbox.dispute(charge_of(sandbox, purchase))
    deliver(sandbox)
    assert figures() == Figures(paid=4500, returned=4500)

    sandbox.close_dispute(sandbox.objects("dispute")[0]["id"], "won")
    deliver(sandbox)
    assert figures() == Figures(paid=4500, deferred=900, used=3600)


BROKEN = [
    ("UPDATE credits_lot SET cost_minor = 451, cost_credits = 500 WHERE origin_lot IS NOT NULL", ["usd"]),
    ("UPDATE credits_lot SET currency = 'eur' WHERE origin_lot IS NOT NULL", ["eur", "usd"]),
    ("UPDATE credits_entry SET kind = 'refund' WHERE kind = 'spend'", ["usd"]),
    ("UPDATE credits_clawback SET taken = taken - 0.001", ["usd"]),
    ("UPDATE purchases_payment SET amount_minor = amount_minor + 1", ["usd"]),
]


@pytest.mark.parametrize(("statement", "currencies"), BROKEN)
@pytest.mark.parametrize("options", [[], ["--check"]])
def test_a_sum_that_is_wrong_is_named_and_the_command_fails(
    purchase: Purchase, statement: str, currencies: list[str], options: list[str]
) -> None:
    spend(purchase, 1000)
    give(purchase, 500)
    refund(purchase, 900)
    assert figures() == Figures(paid=4500, deferred=2700, used=900, returned=900)
    with no_triggers():
        run(statement)

    out = StringIO()
    with pytest.raises(CommandError, match="don't add up to the payments: the records are wrong"):
        call_command("rebuild_figures", *options, stdout=out)
    named = [line for line in out.getvalue().splitlines() if line.startswith("sum ")]
    assert [line.split()[1] for line in named] == [f"{currency}:" for currency in currencies]
