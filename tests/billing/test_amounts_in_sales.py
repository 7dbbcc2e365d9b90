"""In a sale, an amount buys what the packages in it do: paying more never yields less. Then that is over."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.models import User
from billing.auto_top_up.setting import Wish, turn_on
from billing.checkout.terms import terms_of_amount
from billing.discounts.codes import find_code
from billing.discounts.models import DiscountCode, Sale
from billing.errors import CodeNotForThis
from billing.packages.models import Package
from credits.ledger import operations as ledger
from tests.billing.calling import API, browser_of
from tests.discounts.making import make_code, make_sale
from tests.support.builders import UserFactory, make_saved_card, put_on_sale

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    """1,000 credits for $10.00, 5,000 for $45.00, and any amount from $5.00 on."""
    put_on_sale()
    user: User = UserFactory()
    return user


def bought(amount: int) -> Decimal:
    return terms_of_amount(Decimal(amount), "usd").credits


def test_an_amount_gets_the_sales_rates(ada: User) -> None:
    assert [int(bought(each)) for each in (9, 10, 45)] == [900, 1000, 5000]
    make_sale(20).packages.add(Package.objects.get(code="starter"))
    # The starter pack is $8.00 now: nobody who pays $9.00 gets less than it brings.
    assert [int(bought(each)) for each in (7, 8, 9, 10, 45)] == [700, 1000, 1125, 1250, 5625]
    quoted = browser_of(ada).get(f"{API}quote?currency=usd&amount=9").json()
    assert (quoted["credits"], quoted["price"]) == (1125, 9.0)
    page = browser_of(ada).get("/credits/amount?amount=9&currency=usd").content.decode()
    assert "1,125" in page
    Sale.objects.update(is_active=False)
    assert int(bought(9)) == 900


def test_a_code_that_does_not_combine_gets_the_regular_rate_if_that_is_better(ada: User) -> None:
    make_sale(20)
    make_code(percent=30)
    terms = terms_of_amount(Decimal(10), "usd")
    assert (int(terms.credits), terms.takes_promotion_code) == (1250, False)
    reduced = terms.with_code(find_code("SPRING-20"))
    assert (int(reduced.credits), reduced.price.minor) == (1000, 700)
    page = browser_of(ada).get("/credits/amount?amount=10&currency=usd&code=SPRING-20").content.decode()
    assert "$7.00" in page
    assert "1,000" in page
    DiscountCode.objects.update(percent=20)
    with pytest.raises(CodeNotForThis):
        terms.with_code(find_code("SPRING-20"))
    DiscountCode.objects.update(stackable=True)
    reduced = terms.with_code(find_code("SPRING-20"))
    assert (int(reduced.credits), reduced.price.minor) == (1250, 800)


def test_automatic_top_up_agrees_to_what_an_amount_buys_outside_of_a_sale(ada: User) -> None:
    make_sale(20)
    account = ledger.open_account(ada)
    make_saved_card(account)
    wish = Wish(Decimal(500), Decimal(100), amount=Decimal(10), currency="usd", consents=True)
    row = turn_on(ada, account, wish)
    assert int(row.agreed_credits or 0) == 1000
    assert row.consent is not None
    assert "1,000 credits for $10.00" in row.consent.wording
