"""What counts as an amount of credits, and how one is rounded."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credits.amounts import LARGEST, QUANTUM, positive_amount, round_credits
from credits.errors import InvalidAmount

AMOUNTS = st.decimals(min_value=QUANTUM, max_value=LARGEST, places=6)


@pytest.mark.parametrize(
    "amount",
    [
        Decimal(0),
        Decimal("-0"),
        Decimal("-0.000001"),
        Decimal(-5),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        Decimal("-Infinity"),
        Decimal("0.0000001"),
        Decimal("1.0000001"),
        Decimal("1E-400"),
        Decimal(10) ** 18,
        Decimal("999999999999999999.9999991"),
        Decimal("1E+400"),
    ],
    ids=str,
)
def test_an_amount_that_cannot_be_kept_exactly_is_refused(amount: Decimal) -> None:
    with pytest.raises(InvalidAmount) as refusal:
        positive_amount(amount)
    assert (refusal.value.code, refusal.value.status) == ("invalid_amount", 400)
    assert refusal.value.params == {"amount": str(amount)}


@pytest.mark.parametrize("amount", [1, 1.0, True, "1", None, float("nan")], ids=repr)
def test_an_amount_is_a_decimal_and_nothing_else(amount: Any) -> None:
    with pytest.raises(InvalidAmount) as refusal:
        positive_amount(amount)
    assert refusal.value.params == {"amount": repr(amount)}


@given(AMOUNTS)
def test_an_amount_within_bounds_is_kept_to_its_last_place(amount: Decimal) -> None:
    kept = positive_amount(amount)
    assert kept == amount
    assert kept.as_tuple().exponent == -6


def test_trailing_zeros_are_no_places() -> None:
    assert positive_amount(Decimal("1.50000000000")) == Decimal("1.5")


@pytest.mark.parametrize(
    ("amount", "rounded"),
    [("0.0000005", "0"), ("0.0000015", "0.000002"), ("0.0000025", "0.000002"), ("-0.0000015", "-0.000002")],
)
def test_halves_are_rounded_to_the_even_neighbour(amount: str, rounded: str) -> None:
    assert round_credits(Decimal(amount)) == Decimal(rounded)
