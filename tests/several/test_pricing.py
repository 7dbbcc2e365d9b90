"""Of every three packs the cheapest is free, exactly, and a bigger basket never costs less."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from billing.checkout.bundles import terms_of_items
from billing.discounts.codes import find_code
from billing.discounts.models import MultiBuy
from billing.discounts.pricing import free_packs
from billing.errors import AlreadyTaken, BundleRefused, CodeNotForThis, UnknownPackage
from billing.packages.models import Package
from tests.discounts.making import HOUR, make_code, make_sale
from tests.several.making import items, make_multi_buy
from tests.support.builders import PackageFactory

PACKS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 7)), min_size=1, max_size=5)


@given(packs=PACKS, paid=st.integers(1, 4), free=st.integers(1, 3))
def test_exactly_the_cheapest_are_free(packs: list[tuple[int, int]], paid: int, free: int) -> None:
    found = free_packs(packs, paid=paid, free=free)
    number = sum(count for _price, count in packs)
    assert sum(found) == number // (paid + free) * free
    assert all(0 <= given <= count for given, (_price, count) in zip(found, packs, strict=True))
    every = sorted(price for price, count in packs for _one in range(count))
    given_away = sum(given * price for given, (price, _count) in zip(found, packs, strict=True))
    assert given_away == sum(every[: sum(found)])


def total(price: int, *more: int, paid: int = 2, free: int = 1) -> int:
    packs = [(each, 1) for each in (price, *more)]
    found = free_packs(packs, paid=paid, free=free)
    return sum(each * (1 - given) for (each, _one), given in zip(packs, found, strict=True))


@given(prices=st.lists(st.integers(1, 99), min_size=1, max_size=9), one_more=st.integers(1, 99))
def test_one_more_pack_never_lowers_the_total(prices: list[int], one_more: int) -> None:
    assert total(*prices) <= total(*prices, one_more) <= total(*prices) + max(*prices, one_more)


@pytest.fixture
def shop(ada: User) -> MultiBuy:
    return make_multi_buy()


def test_the_offer_that_takes_most_off_counts(shop: MultiBuy) -> None:
    terms = terms_of_items(items(starter=2, standard=1))
    assert (terms.regular.minor, terms.price.minor, terms.multi_buy_minor) == (6500, 5500, 1000)
    assert (terms.name, int(terms.credits), terms.grants_count) == (
        "2 × Starter Pack, Standard Pack",
        7000,
        2,
    )
    assert [(line.count, line.free, line.price.minor) for line in terms.lines] == [(2, 1, 1000), (1, 0, 4500)]
    # Two are too few, and of one package alone it counts too.
    assert terms_of_items(items(starter=1, standard=1)).multi_buy is None
    assert terms_of_items(items(starter=7)).price.minor == 5000
    # Half price beats every third one, and what doesn't combine applies to regular prices.
    make_sale(50)
    terms = terms_of_items(items(starter=2, standard=1))
    assert (terms.price.minor, terms.sale_name, terms.multi_buy) == (3250, "Spring sale", None)
    MultiBuy.objects.update(stackable=True)
    terms = terms_of_items(items(starter=2, standard=1))
    assert (terms.price.minor, terms.sale_minor, terms.multi_buy_minor) == (2750, 3250, 500)


def test_a_multi_buy_counts_in_its_time_and_for_its_packages(shop: MultiBuy) -> None:
    shop.packages.add(Package.objects.get(code="starter"))
    make_sale(10)
    terms = terms_of_items(items(starter=3, standard=1))
    # The starter packs at their regular price, one of them free, and the standard pack in the sale.
    assert (terms.price.minor, terms.sale_minor, terms.multi_buy_minor) == (2000 + 4050, 450, 1000)
    for change in ({"is_active": False}, {"is_active": True, "ends_at": shop.starts_at + HOUR / 2}):
        MultiBuy.objects.update(**change)
        assert terms_of_items(items(starter=3)).multi_buy is None


def test_a_code_is_for_all_of_them_or_for_none(shop: MultiBuy) -> None:
    code = make_code(percent=40)
    order = terms_of_items(items(starter=2, standard=1))
    reduced = order.with_code(find_code("SPRING-20"))
    # 40 % off $65.00 beats one free pack, which the code replaces.
    assert (reduced.price.minor, reduced.multi_buy, reduced.code_minor) == (3900, None, 2600)
    assert sum(line["price_minor"] for line in reduced.copied_lines()) == 3900
    code.packages.add(Package.objects.get(code="starter"))
    with pytest.raises(CodeNotForThis, match="all of these"):
        order.with_code(find_code("SPRING-20"))
    code.packages.add(Package.objects.get(code="standard"))
    assert order.with_code(find_code("SPRING-20")).price.minor == 3900
    code.stackable = True
    code.save()
    assert order.with_code(find_code("SPRING-20")).price.minor == 3300


def test_what_cant_be_bought_together_is_refused(shop: MultiBuy) -> None:
    PackageFactory(code="trial", name="Trial", price_minor=0)
    PackageFactory(code="gift", name="Gift", price_minor=0, repeatable=True)
    PackageFactory(code="euro", name="Euro", price_minor=900, currency="eur")
    for refused, wanted in (
        (AlreadyTaken, items(trial=2)),
        (AlreadyTaken, items(trial=1, starter=1)),
        (BundleRefused, items(gift=1, starter=1)),
        (BundleRefused, items(euro=1, starter=1)),
        (BundleRefused, items(starter=60, standard=41)),
        (UnknownPackage, items(starter=1, nothing=1)),
    ):
        with pytest.raises(refused):
            terms_of_items(wanted)
    assert terms_of_items(items(gift=3)).credits == 3 * Package.objects.get(code="gift").credits


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    counts=st.dictionaries(st.sampled_from(["starter", "standard", "pro"]), st.integers(1, 6), min_size=1),
    percent=st.integers(1, 60),
    stackable=st.booleans(),
)
def test_whatever_is_taken_off_adds_up(
    shop: MultiBuy, counts: dict[str, int], percent: int, stackable: bool
) -> None:
    make_sale(percent).packages.add(Package.objects.get(code="standard"))
    MultiBuy.objects.update(stackable=stackable)
    terms = terms_of_items(items(**counts))
    one_more = terms_of_items(items(**{**counts, "starter": counts.get("starter", 0) + 1}))
    assert terms.price.minor <= one_more.price.minor
    assert terms.regular.minor == terms.price.minor + terms.sale_minor + terms.multi_buy_minor
    if terms.lines:
        assert sum(line["price_minor"] for line in terms.copied_lines()) == terms.price.minor
        assert sum(line["credits"] for line in terms.copied_lines()) == terms.credits
