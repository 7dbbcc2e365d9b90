"""The list price is the starter's rate times the credits; the discount is what the price is below it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import Money
from billing.packages.models import Package
from billing.packages.pricing import offer_for, offers
from billing.packages.selectors import offers_on_sale
from tests.support.builders import PackageFactory, put_on_sale


def pack(credits: int, price_minor: int, currency: str = "usd") -> Package:
    return Package(
        pk=credits,
        code=f"p{credits}",
        credits=Decimal(credits),
        price_minor=price_minor,
        currency=currency,
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("catalog", "expected"),
    [
        (
            "standard",
            {
                "starter": (1000, 1000, 0, 1000),
                "standard": (5000, 4500, 10, 900),
                "pro": (10000, 8000, 20, 800),
                "enterprise": (50000, 35000, 30, 700),
            },
        ),
        (
            "growth",
            {
                "starter": (1000, 1000, 0, 10000),
                "basic": (5000, 4500, 10, 9000),
                "pro": (10000, 8500, 15, 8500),
                "premium": (25000, 20000, 20, 8000),
                "enterprise": (100000, 75000, 25, 7500),
            },
        ),
    ],
)
def test_the_catalogues_discounts_are_what_their_prices_are_below_the_starters_rate(
    catalog: str, expected: dict[str, tuple[Any, ...]]
) -> None:
    put_on_sale(catalog)

    shown: dict[str, tuple[Any, ...]] = {
        offer.package.code: (
            offer.list_price.minor,
            offer.package.price_minor,
            offer.discount_percentage,
            offer.cost_per_thousand.minor,
        )
        for offer in offers_on_sale()
    }
    assert shown == expected


def test_each_currency_has_its_own_starter() -> None:
    dollars, yen = offers([pack(100, 1000), pack(1000, 120000, currency="jpy")])

    assert (dollars.list_price, yen.list_price) == (Money(1000, "usd"), Money(120000, "jpy"))


def test_a_pack_dearer_than_the_starters_rate_has_no_negative_discount() -> None:
    _starter, dear = offers([pack(100, 1000), pack(200, 2500)])

    assert (dear.list_price.minor, dear.saving.minor) == (2500, 0)


def test_a_discount_is_never_more_than_is_saved() -> None:
    _starter, third, trifle = offers([pack(1, 100), pack(3, 201), pack(1000, 99_999)])

    assert third.discount_percentage == Decimal(33)
    assert (trifle.saving.minor, trifle.discount_percentage) == (1, Decimal(0))


def test_a_free_pack_saves_nothing_and_sets_no_rate() -> None:
    for free in (offers([pack(100, 0)])[0], offers([pack(100, 0), pack(1000, 1000)])[0]):
        assert (free.list_price.minor, free.saving.minor, free.cost_per_thousand.minor) == (0, 0, 0)
    assert offers([pack(100, 0), pack(1000, 1000), pack(2000, 1500)])[2].list_price.minor == 2000


@pytest.mark.django_db
def test_a_single_offer_is_the_one_of_the_shop_window() -> None:
    put_on_sale()

    assert [offer_for(offer.package) for offer in offers_on_sale()] == offers_on_sale()


@pytest.mark.django_db
def test_a_pack_off_sale_gives_no_list_price() -> None:
    PackageFactory(credits=10, price_minor=5000, is_active=False)
    on_sale = PackageFactory(credits=1000, price_minor=1000)

    assert offer_for(on_sale).list_price.minor == 1000


prices = st.integers(min_value=0, max_value=10**8)
amounts = st.integers(min_value=1, max_value=10**7)


@given(st.lists(st.tuples(amounts, prices), min_size=1, max_size=6, unique_by=lambda p: p[0]))
def test_nothing_is_ever_listed_below_its_price(packs: list[tuple[int, int]]) -> None:
    for offer in offers([pack(*each) for each in packs]):
        assert offer.list_price.minor >= offer.package.price_minor
        assert offer.saving.minor >= 0
