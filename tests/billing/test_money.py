"""An amount is a whole number of the currency's smallest unit, and keeps its value on every way in and out."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import THREE_DECIMAL, ZERO_DECIMAL, Money, decimal_places, round_minor

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


def test_no_currency_is_both_zero_and_three_decimal() -> None:
    assert not ZERO_DECIMAL & THREE_DECIMAL


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
    with pytest.raises(ValueError, match="smallest unit"):
        Money.from_major(Decimal(amount), currency)


@pytest.mark.parametrize(("amount", "rounded"), [("0.5", 1), ("1.4999", 1), ("2.5", 3), ("-0.4", 0)])
def test_money_is_rounded_half_up(amount: str, rounded: int) -> None:
    assert round_minor(Decimal(amount)) == rounded


@given(st.decimals(min_value=0, max_value=10**9, places=6))
def test_rounding_moves_an_amount_by_half_a_unit_at_most(amount: Decimal) -> None:
    assert abs(round_minor(amount) - amount) <= Decimal("0.5")
