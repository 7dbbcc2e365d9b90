"""What an amount buys: paying more never buys less, and never at a worse rate than a package that costs no more."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.currencies import MINIMUM, decimal_places, smallest_step
from billing.errors import AmountAboveMaximum, AmountBelowMinimum, AmountNotOnIncrement, AmountRefused
from billing.money import Money
from billing.packages.amounts import PricedAmount, price_amount, steps
from billing.packages.models import CustomAmount, Package
from billing.packages.pricing import offers

HUNDREDTH = Decimal("0.01")


def pack(credits: Any, price_minor: int, currency: str = "usd", **facts: Any) -> Package:
    return Package(
        pk=price_minor, code=f"p{price_minor}", credits=Decimal(credits), price_minor=price_minor,
        currency=currency, **facts,
    )  # fmt: skip


def entry_of(**facts: Any) -> CustomAmount:
    entry = CustomAmount(
        **{
            "currency": "usd",
            "minimum_minor": 500,
            "maximum_minor": 50000,
            "increment_minor": 1,
            "credits_per_unit": Decimal(100),
            **facts,
        }
    )
    entry.clean()
    return entry


STANDARD = [pack(1000, 1000), pack(5000, 4500), pack(10000, 8000), pack(50000, 35000)]


def buys(amount: str, packages: list[Package] = STANDARD, **facts: Any) -> PricedAmount:
    return price_amount(Decimal(amount), entry_of(**facts), packages)


@pytest.mark.parametrize(
    ("amount", "credits", "listed"),
    [
        ("5", "500", "5.00"),
        ("9.99", "999", "9.99"),
        ("10", "1000", "10.00"),
        ("37.5", "3750", "37.50"),
        ("44.99", "4499", "44.99"),
        ("45.00", "5000", "50.00"),
        ("45.01", "5001.12", "50.01"),
        ("79.99", "8887.78", "88.88"),
        ("80", "10000", "100.00"),
        ("500", "71428.58", "714.29"),
    ],
)
def test_an_amount_has_the_best_rate_of_the_packages_up_to_it(amount: str, credits: str, listed: str) -> None:
    found = buys(amount)

    assert (found.credits, found.price.major, found.list_price.major) == (
        Decimal(credits), Decimal(amount), Decimal(listed),
    )  # fmt: skip


def test_at_a_packages_price_it_is_the_package() -> None:
    for offer in offers(STANDARD):
        same = price_amount(offer.package.price.major, entry_of(), STANDARD)
        assert (same.credits, same.list_price) == (offer.package.credits, offer.list_price)
        assert same.discount_percentage == offer.discount_percentage


def test_rounding_down_would_be_a_worse_rate_than_the_packages() -> None:
    found = buys("3.01", [pack(1000, 300)], minimum_minor=100)

    assert found.credits == Decimal("1003.34")
    assert (found.list_price.minor, found.discount_percentage) == (301, Decimal(0)), (
        "the hundredth is no discount"
    )


@pytest.mark.parametrize(
    ("currency", "facts", "amount", "credits"),
    [
        ("jpy", {"minimum_minor": 500, "credits_per_unit": Decimal("0.66")}, "999", "659.34"),
        ("jpy", {"minimum_minor": 500, "credits_per_unit": Decimal("0.66")}, "1001", "667.34"),
        ("kwd", {"minimum_minor": 500, "increment_minor": 10}, "1.010", "673.34"),
        ("kwd", {"minimum_minor": 500, "increment_minor": 10}, "0.99", "99"),
        (
            "isk",
            {"minimum_minor": 500, "increment_minor": 100, "credits_per_unit": Decimal(50)},
            "15",
            "1000.01",
        ),
    ],
)
def test_a_step_is_in_the_currencys_own_unit(
    currency: str, facts: dict[str, Any], amount: str, credits: str
) -> None:
    packages = [pack(Decimal("666.67"), 1000, currency)]

    assert buys(amount, packages, currency=currency, **facts).credits == Decimal(credits)


def test_a_dollar_more_than_a_pack_with_a_bonus_buys_no_less_than_both() -> None:
    packages = [pack(1000, 1000, bonus_credits=Decimal(300), bonus_validity_days=30), pack(2200, 2000)]
    at, above, far, last = (buys(amount, packages) for amount in ("10", "11", "19.99", "20"))
    assert [(float(each.credits), float(each.bonus_credits)) for each in (at, above, far, last)] == [
        (1000, 300), (1100, 330), (1999, 599.7), (2200, 400),
    ]  # fmt: skip
    assert {each.bonus_validity_days for each in (at, above, far, last)} == {30}
    assert buys("9.99", packages).bonus_credits == buys("30", [pack(2200, 2000)]).bonus_credits == 0
    with pytest.raises(AmountAboveMaximum, match="more credits than can be recorded"):
        buys("11", [pack(10, 1000, bonus_credits=Decimal(10**15))])


def test_only_paid_packages_on_sale_in_the_currency_that_last_as_long_are_steps() -> None:
    others = [
        pack(10**6, 0),
        pack(10**6, 600, is_active=False),
        pack(10**6, 600, "eur"),
        pack(10**6, 600, validity_days=30),
    ]
    lasting = pack(2000, 700, validity_days=90)

    assert buys("10", [*others, lasting]).credits == 1000, "only the entry's own rate"
    assert buys("10", [*others, lasting], validity_days=60).credits == Decimal("2857.15")
    assert buys("10", [*others, lasting], validity_days=30).credits > 10**6
    entry = entry_of(validity_days=60)
    assert steps(entry, [*STANDARD, *others, lasting]) == [lasting, *STANDARD]
    assert buys("10", validity_days=60).validity_days == 60


def test_without_packages_an_amount_has_the_entrys_rate_and_no_discount() -> None:
    found = buys("37.5", [])

    assert (found.credits, found.list_price) == (Decimal(3750), Money(3750, "usd"))
    assert found.discount_percentage == 0


@pytest.mark.parametrize(
    ("amount", "error", "message"),
    [
        ("4.50", AmountBelowMinimum, "The minimum is $5.00."),
        ("0", AmountBelowMinimum, "The minimum is $5.00."),
        ("-10", AmountBelowMinimum, "The minimum is $5.00."),
        ("500.50", AmountAboveMaximum, "The maximum is $500.00."),
        ("1" + "0" * 40, AmountAboveMaximum, "The maximum is $500.00."),
        ("7.25", AmountNotOnIncrement, "Enter a multiple of $0.50."),
        ("7.5000000000000000000000000000000000001", AmountNotOnIncrement, "Enter a multiple of $0.50."),
    ],
)
def test_an_amount_off_the_limits_is_refused_with_them(
    amount: str, error: type[AmountRefused], message: str
) -> None:
    with pytest.raises(error) as refused:
        buys(amount, increment_minor=50)
    assert refused.value.message == message
    assert refused.value.extensions == {
        "minimum": 5.0, "maximum": 500.0, "increment": 0.5, "currency": "usd",
    }  # fmt: skip


def test_more_credits_than_a_purchase_can_hold_are_not_sold() -> None:
    with pytest.raises(AmountAboveMaximum, match="more credits than can be recorded"):
        buys("20", [pack(10**15, 1000)])


# --- The two rules, over any catalogue -------------------------------------------------------------------------------


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[CustomAmount, list[Package]]:
    """An entry and up to six packages of a currency with none, two or three decimals."""
    currency = draw(st.sampled_from(["usd", "jpy", "kwd", "isk", "xaf"]))
    unit = smallest_step(currency) * draw(st.sampled_from([1, 1, 5, 25, 100]))
    # As many as Stripe's minimum takes, and a few more.
    least = -(-MINIMUM.get(currency, 1) // unit) + draw(st.integers(0, 50))
    enough = Fraction(10 ** decimal_places(currency), least * unit)
    places = Decimal(draw(st.integers(1, 10**6))).scaleb(-6)
    own_rate = max(places, (Decimal(enough.numerator) / enough.denominator).quantize(Decimal("0.000001")))
    entry = entry_of(
        currency=currency,
        minimum_minor=least * unit,
        maximum_minor=(least + draw(st.integers(1, 2000))) * unit,
        increment_minor=unit,
        credits_per_unit=own_rate + Decimal("0.000001"),
        validity_days=draw(st.sampled_from([None, 30])),
    )
    packages = draw(
        st.lists(
            st.builds(
                lambda credits, bonus, price, validity: pack(
                    Decimal(credits).scaleb(-2),
                    price,
                    currency,
                    validity_days=validity,
                    bonus_credits=Decimal(bonus).scaleb(-2),
                ),
                st.integers(1, 10**7),
                st.sampled_from([0, 0, 1, 12_345, 10**7]),
                st.integers(0, entry.maximum_minor * 2),
                st.sampled_from([None, None, 7, 30, 90]),
            ),
            max_size=6,
        )
    )
    return entry, packages


def amounts_of(entry: CustomAmount, packages: list[Package]) -> st.SearchStrategy[int]:
    """Any amount of the entry's, in minor units, and those around the packages' prices more often."""
    low, high, unit = entry.minimum_minor, entry.maximum_minor, entry.increment_minor
    near = {
        min(max(package.price_minor // unit * unit + off * unit, low), high)
        for package in packages
        for off in (-1, 0, 1)
    }
    anywhere = st.integers(low // unit, high // unit).map(lambda number: number * unit)
    return st.one_of(anywhere, st.sampled_from(sorted(near))) if near else anywhere


@given(catalogues(), st.data())
def test_paying_more_never_buys_fewer_credits(
    catalogue: tuple[CustomAmount, list[Package]], data: st.DataObject
) -> None:
    entry, packages = catalogue
    first, second = data.draw(st.tuples(*[amounts_of(entry, packages)] * 2).map(sorted))

    less, more = (_priced(minor, entry, packages) for minor in (first, second))
    assert less.credits <= more.credits
    assert less.credits + less.bonus_credits <= more.credits + more.bonus_credits


@given(catalogues(), st.data())
def test_the_rate_is_never_worse_than_a_packages_that_costs_no_more(
    catalogue: tuple[CustomAmount, list[Package]], data: st.DataObject
) -> None:
    entry, packages = catalogue
    found = _priced(data.draw(amounts_of(entry, packages)), entry, packages)

    own_rate = Fraction(entry.credits_per_unit) / 10 ** decimal_places(entry.currency)
    assert Fraction(found.credits) >= found.price.minor * own_rate
    counted = steps(entry, packages)
    for package in counted:
        if package.price_minor <= found.price.minor:
            assert (
                Fraction(found.credits) / found.price.minor >= Fraction(package.credits) / package.price_minor
            )
            assert found.credits >= package.credits
            assert found.credits + found.bonus_credits >= package.credits + package.bonus_credits
    best = max(
        [
            own_rate,
            *(Fraction(p.credits) / p.price_minor for p in counted if p.price_minor <= found.price.minor),
        ]
    )
    assert Fraction(found.credits) - best * found.price.minor < Fraction(HUNDREDTH), (
        "and nothing is given away"
    )
    assert found.credits == found.credits.quantize(HUNDREDTH)
    assert found.list_price.minor >= found.price.minor


def _priced(minor: int, entry: CustomAmount, packages: list[Package]) -> PricedAmount:
    return price_amount(Money(minor, entry.currency).major, entry, packages)
