"""An amount is a whole number of the currency's smallest unit, and keeps its value on every way in and out."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.currencies import (
    MAXIMUM,
    MINIMUM,
    SUPPORTED,
    THREE_DECIMAL,
    WHOLE,
    ZERO_DECIMAL,
    decimal_places,
)
from billing.money import Money, price_refusal, round_minor

CURRENCIES = st.sampled_from(["usd", "eur", "jpy", "krw", "kwd", "bhd", "inr"])


@pytest.mark.parametrize(
    ("minor", "currency", "major", "shown"),
    [
        (4500, "usd", "45.00", "$45.00"),
        (4500, "jpy", "4500", "¥4,500"),
        (4500, "kwd", "4.500", "4.500 KWD"),
        (123456789, "eur", "1234567.89", "€1,234,567.89"),
        (5, "chf", "0.05", "0.05 CHF"),
        (0, "usd", "0.00", "$0.00"),
        (-4500, "usd", "-45.00", "−$45.00"),
    ],
)
def test_an_amount_has_its_currencys_own_decimal_places(
    minor: int, currency: str, major: str, shown: str
) -> None:
    money = Money(minor, currency)

    assert (money.major, str(money.major), str(money)) == (Decimal(major), major, shown)


@pytest.mark.parametrize(("currency", "places"), [("usd", 2), ("jpy", 0), ("krw", 0), ("kwd", 3), ("tnd", 3)])
def test_the_exponent_is_the_currencys(currency: str, places: int) -> None:
    assert decimal_places(currency) == places


def test_every_rule_is_of_a_currency_that_stripe_takes_and_no_two_contradict() -> None:
    assert len(SUPPORTED) > 135
    assert {*ZERO_DECIMAL, *THREE_DECIMAL, *WHOLE, *MINIMUM, *MAXIMUM} <= SUPPORTED
    assert not ZERO_DECIMAL & THREE_DECIMAL | WHOLE & (ZERO_DECIMAL | THREE_DECIMAL)


@pytest.mark.parametrize(
    ("price", "currency", "refusal"),
    [
        ("0", "usd", ""),
        ("0.50", "usd", ""),
        ("0.49", "usd", "Stripe’s minimum is $0.50."),
        ("0.29", "gbp", "Stripe’s minimum is £0.30."),
        ("49", "jpy", "Stripe’s minimum is ¥50."),
        ("174.99", "huf", "Stripe’s minimum is 175.00 HUF."),
        ("0.01", "afn", ""),
        ("999999.99", "usd", ""),
        ("1000000.00", "usd", "Stripe’s maximum is $999,999.99."),
        ("9999999.99", "inr", ""),
        ("10000000.00", "inr", "Stripe’s maximum is ₹9,999,999.99."),
        ("9999999999.99", "idr", ""),
        ("100000000", "krw", "Stripe’s maximum is ₩99,999,999."),
        ("12.340", "kwd", ""),
        ("12.345", "kwd", "Stripe accepts two decimal places in KWD; the third must be 0."),
        ("1500.00", "isk", ""),
        ("1.50", "isk", "Stripe only accepts whole amounts in ISK."),
        ("1500.01", "ugx", "Stripe only accepts whole amounts in UGX."),
        ("174.99", "twd", ""),
    ],
)
def test_a_price_is_one_that_stripe_charges(price: str, currency: str, refusal: str) -> None:
    assert price_refusal(Money.from_major(Decimal(price), currency)) == refusal


@given(st.integers(min_value=-(10**14), max_value=10**14), CURRENCIES)
def test_an_amount_survives_the_way_to_the_main_unit_and_back(minor: int, currency: str) -> None:
    money = Money(minor, currency)

    assert Money.from_major(money.major, currency) == money


@pytest.mark.parametrize(
    ("amount", "currency"), [("1.005", "usd"), ("1.5", "jpy"), ("0.0001", "kwd"), ("0.001", "eur")]
)
def test_a_fraction_of_the_smallest_unit_is_refused_and_never_rounded_away(
    amount: str, currency: str
) -> None:
    with pytest.raises(ValueError, match=r"amounts (have at most|must be whole)"):
        Money.from_major(Decimal(amount), currency)


@pytest.mark.parametrize(("amount", "rounded"), [("0.5", 1), ("1.4999", 1), ("2.5", 3), ("-0.4", 0)])
def test_money_is_rounded_half_up(amount: str, rounded: int) -> None:
    assert round_minor(Decimal(amount)) == rounded


@given(st.decimals(min_value=0, max_value=10**9, places=6))
def test_rounding_moves_an_amount_by_half_a_unit_at_most(amount: Decimal) -> None:
    assert abs(round_minor(amount) - amount) <= Decimal("0.5")
