"""A price is exact until its one rounding, whatever the quantities."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credits.amounts import LARGEST, QUANTUM
from credits.formatting import plain
from credits.rates import pricing
from credits.rates.errors import AmbiguousModel, InvalidUsage, UnknownModel, UnknownUnit
from credits.rates.models import Level
from credits.rates.pricing import LARGEST_QUANTITY, price_usage, price_with
from credits.rates.selectors import MarkupInCard, ModelCard, RateInCard
from tests.rates.builders import add_markup, put_rate

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
prices = st.decimals(min_value=0, max_value=10**6, places=12)
pers = st.sampled_from([1, 3, 7, 60, 1000, 10**6, 10**9])
percents = st.decimals(min_value=0, max_value=1000, places=4)
counts = st.integers(min_value=1, max_value=10**6)


def card(price: Decimal, per: int = 1, percent: Decimal | int = 0, unit: str = "input_tokens") -> ModelCard:
    rate = RateInCard(1, price, per, SINCE)
    return ModelCard("example", "chat-small", {unit: rate}, MarkupInCard(Decimal(percent), Level.GLOBAL))


def amount(on: ModelCard, quantity: int | Decimal, unit: str = "input_tokens") -> Decimal:
    return price_with(on, {unit: quantity}).amount


# --- Properties --------------------------------------------------------------------------------------------------


@given(prices, pers, percents, counts)
def test_a_price_is_the_exact_value_rounded_once_half_to_even(
    price: Decimal, per: int, percent: Decimal, count: int
) -> None:
    exact = Fraction(price) * count / per * (100 + Fraction(percent)) / 100
    rounded = round(exact * 10**6)  # of a Fraction: exact, half to even
    expected = max(rounded, 1) if exact else 0

    assert amount(card(price, per, percent), count) == Decimal(expected).scaleb(-6)


@given(prices, pers, percents, counts, counts)
def test_two_parts_cost_what_both_cost_together_but_for_their_roundings(
    price: Decimal, per: int, percent: Decimal, one: int, other: int
) -> None:
    on = card(price, per, percent)

    apart = amount(on, one) + amount(on, other)
    assert abs(apart - amount(on, one + other)) <= 2 * QUANTUM


@given(prices, pers, percents, counts, counts)
def test_more_never_costs_less(price: Decimal, per: int, percent: Decimal, one: int, more: int) -> None:
    on = card(price, per, percent)

    assert amount(on, one) <= amount(on, one + more)


@given(counts)
def test_what_a_float_would_get_wrong_is_right(count: int) -> None:
    on = ModelCard(
        "example",
        "chat-small",
        {
            "input_tokens": RateInCard(1, Decimal("0.1"), 1, SINCE),
            "images": RateInCard(2, Decimal("0.2"), 1, SINCE),
        },
        MarkupInCard(Decimal(0), Level.GLOBAL),
    )

    assert price_with(on, {"input_tokens": count, "images": count}).amount == count * Decimal("0.3")


# --- The one rounding --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("price", "per", "charged"),
    [
        ("0.0000005", 1, "0.000001"),  # half a millionth would go down to none: the least there is
        ("0.0000015", 1, "0.000002"),
        ("0.0000025", 1, "0.000002"),
        ("0.000002500001", 1, "0.000003"),
        ("1", 3, "0.333333"),
        ("2", 3, "0.666667"),
        ("0.000000000001", 10**9, "0.000001"),
        ("0", 1, "0"),
    ],
)
def test_the_rounding_is_half_to_even_and_never_down_to_nothing(price: str, per: int, charged: str) -> None:
    assert amount(card(Decimal(price), per), 1) == Decimal(charged)


def test_a_value_just_above_a_tie_is_not_taken_for_one() -> None:
    tie = Fraction(25, 10**7)

    assert pricing._amount(tie) == Decimal("0.000002")
    assert pricing._amount(tie + Fraction(1, 10**90)) == Decimal("0.000003")


def test_roundings_of_lines_do_not_add_up_in_the_total() -> None:
    thirds = {
        unit: RateInCard(1, Decimal("0.000001"), 3, SINCE)
        for unit in ("input_tokens", "output_tokens", "requests")
    }
    on = ModelCard("example", "chat-small", thirds, MarkupInCard(Decimal(0), Level.GLOBAL))

    assert price_with(on, dict.fromkeys(thirds, 1)).amount == Decimal("0.000001")


def test_the_largest_amount_is_priced_and_more_is_refused() -> None:
    on = card(Decimal("1000.000000000001"))

    assert amount(on, 10**14) == 10**17 + 100
    with pytest.raises(InvalidUsage, match="more credits than an account can hold"):
        amount(on, LARGEST_QUANTITY)


# --- What is refused ---------------------------------------------------------------------------------------------

IMPOSSIBLE: list[tuple[dict[Any, Any], str]] = [
    ({}, "at least one quantity above zero"),
    ({"input_tokens": 0}, "at least one quantity above zero"),
    ({"input_tokens": -1}, "can't be negative"),
    ({"input_tokens": 1.5}, "must be a whole number or a Decimal"),
    ({"input_tokens": 1.0}, "must be a whole number or a Decimal"),
    ({"input_tokens": "12"}, "must be a whole number or a Decimal"),
    ({"input_tokens": True}, "must be a whole number or a Decimal"),
    ({"input_tokens": None}, "must be a whole number or a Decimal"),
    ({"input_tokens": Decimal("1.5")}, "a whole number"),
    ({"input_tokens": Decimal("NaN")}, "can't be negative"),
    ({"input_tokens": Decimal("Infinity")}, "can't be negative"),
    ({"input_tokens": LARGEST_QUANTITY + 1}, "at most"),
    ({"input_tokens": Decimal("1E+400")}, "at most"),
]


@pytest.mark.parametrize(("usage", "reason"), IMPOSSIBLE)
def test_a_usage_that_nobody_can_have_is_refused(usage: dict[Any, Any], reason: str) -> None:
    with pytest.raises(InvalidUsage, match=reason) as refused:
        price_with(card(Decimal(1)), usage)
    assert (refused.value.code, refused.value.status, refused.value.params["field"]) == (
        "invalid_usage",
        400,
        "usage",
    )


def test_seconds_have_six_places_and_no_more() -> None:
    on = card(Decimal("0.6"), 60, unit="seconds")

    assert amount(on, Decimal("12.345678"), "seconds") == Decimal("0.123457")
    with pytest.raises(InvalidUsage, match="at most 6 decimal places"):
        amount(on, Decimal("12.3456789"), "seconds")


def test_a_unit_without_a_price_is_refused_with_those_that_have_one() -> None:
    with pytest.raises(UnknownUnit, match="has no price for images; it is priced by input_tokens") as refused:
        price_with(card(Decimal(1)), {"input_tokens": 1, "images": 0})
    assert (refused.value.status, refused.value.params["units"]) == (400, ["input_tokens"])


# --- From the card -----------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_price_is_one_query(django_assert_num_queries: Any) -> None:
    put_rate()
    put_rate(unit="output_tokens", price="2.5")
    add_markup(Decimal(20), provider="example")

    with django_assert_num_queries(1):
        price = price_usage("chat-small", {"input_tokens": 1000, "output_tokens": 1000})
    assert price.amount == Decimal("4.5")


@pytest.mark.django_db
def test_a_model_of_another_name_is_unknown_and_near_names_are_told() -> None:
    put_rate()
    put_rate("chat-large")

    with pytest.raises(UnknownModel, match=r"Did you mean chat-small") as refused:
        price_usage("chat-smal", {"input_tokens": 1})
    assert (refused.value.code, refused.value.status) == ("unknown_model", 404)
    assert refused.value.params["near"][0] == "chat-small"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", ["", "/", "a/b/c", "x\x00y", "' OR 1=1 --", "é", "example/", "/chat-small", "x" * 9999]
)
def test_a_name_that_no_model_can_have_is_unknown(name: str) -> None:
    put_rate()

    with pytest.raises(UnknownModel) as refused:
        price_usage(name, {"input_tokens": 1})
    assert len(refused.value.message) < 250


@pytest.mark.django_db
def test_a_name_that_two_providers_have_needs_its_provider() -> None:
    put_rate(price="1", per=1)
    put_rate(price="2", per=1, provider="other")

    with pytest.raises(AmbiguousModel, match="example/chat-small, other/chat-small"):
        price_usage("chat-small", {"input_tokens": 1})
    assert price_usage("other/chat-small", {"input_tokens": 100}).amount == 230


@pytest.mark.django_db
def test_the_price_used_can_be_kept_as_json_without_a_float() -> None:
    rate = put_rate(price="0.150000000001", per=7)
    add_markup(Decimal("2.5"))

    price = price_usage("chat-small", {"input_tokens": 10})
    kept = price.as_metadata()
    assert json.loads(json.dumps(kept), parse_float=_no_float) == kept
    assert kept["lines"] == [
        {
            "unit": "input_tokens",
            "quantity": "10",
            "price": "0.150000000001",
            "per": 7,
            "amount": "0.214285714287",
            "rate": rate.pk,
        }
    ]
    assert kept["markup"]["percent"] == "2.5"
    assert (kept["provider"], kept["model"], kept["amount"]) == ("example", "chat-small", "0.219643")
    assert tuple(line.rate_id for line in price.lines) == (rate.pk,)


def _no_float(text: str) -> Any:
    raise AssertionError(text)


@pytest.mark.parametrize(
    ("number", "text"),
    [("5E+3", "5000"), ("1.250000", "1.25"), ("0E-6", "0"), ("100", "100"), (str(LARGEST), str(LARGEST))],
)
def test_a_number_is_written_plainly(number: str, text: str) -> None:
    assert plain(Decimal(number)) == text


def test_the_rule_is_that_of_every_amount_of_credits() -> None:
    value = Decimal("0.0000025")
    assert amount(card(value), 1) == value.quantize(QUANTUM, rounding=ROUND_HALF_EVEN)
