"""What is in force stays as it is: the code refuses a change, and so does the database to whoever goes around it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.audit.models import AuditEntry
from credits.rates.changes import put_on_card, withdraw
from credits.rates.errors import InvalidRate, RateInForce
from credits.rates.models import Markup, Rate
from tests.rates.builders import add_markup, add_rate, put_rate, utc

pytestmark = pytest.mark.django_db


def run(sql: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, values)


def refused(sql: str, *values: Any) -> str:
    with pytest.raises(IntegrityError) as error:
        run(sql, *values)
    return str(error.value)


# --- The code ----------------------------------------------------------------------------------------------------


def test_a_rate_in_force_is_neither_changed_nor_withdrawn() -> None:
    rate = put_rate()
    rate.price = Decimal(99)

    with pytest.raises(RateInForce) as refusal:
        put_on_card(rate)
    assert (refusal.value.code, refusal.value.status) == ("rate_in_force", 409)
    with pytest.raises(RateInForce):
        withdraw(rate)
    assert Rate.objects.get().price == Decimal("1.25")


def test_a_rate_in_force_cannot_be_moved_into_the_future_first() -> None:
    rate = put_rate()
    rate.effective_from = utc(2090)

    with pytest.raises(RateInForce):
        put_on_card(rate)
    with pytest.raises(RateInForce):
        withdraw(rate)


def test_a_planned_rate_is_changed_and_withdrawn() -> None:
    rate = put_rate(effective_from=utc(2090))
    rate.price, rate.effective_from = Decimal(9), utc(2091)
    put_on_card(rate)

    assert Rate.objects.get().price == 9
    withdraw(rate)
    assert not Rate.objects.exists()


def test_nothing_takes_effect_in_the_past() -> None:
    yesterday = timezone.now() - timedelta(days=1)

    with pytest.raises(InvalidRate, match="has passed") as refusal:
        put_rate(effective_from=yesterday)
    assert (refusal.value.code, refusal.value.params["field"]) == ("invalid_rate", "effective_from")
    with pytest.raises(InvalidRate, match="has passed"):
        add_markup(Decimal(20), effective_from=yesterday)


def test_one_unit_has_one_rate_from_one_moment() -> None:
    put_rate(effective_from=utc(2090))

    with pytest.raises(InvalidRate, match="from this moment"):
        put_rate(price="2", effective_from=utc(2090))


IMPOSSIBLE: list[dict[str, Any]] = [
    {"price": Decimal(-1)},
    {"price": Decimal("NaN")},
    {"price": Decimal("1e13")},
    {"price": Decimal("0.0000000000001")},
    {"per": 0},
    {"per": -5},
    {"per": 10**9 + 1},
    {"unit": "tokens"},
    {"provider": "Ex/ample"},
    {"provider": ""},
    {"model": "a/b"},
    {"model": ""},
]


@pytest.mark.parametrize("values", IMPOSSIBLE, ids=str)
def test_a_rate_that_cannot_be_is_refused(values: dict[str, Any]) -> None:
    good: dict[str, Any] = {
        "provider": "example",
        "model": "m",
        "unit": "images",
        "price": Decimal(1),
        "per": 1,
    }

    with pytest.raises(InvalidRate) as refusal:
        add_rate(**{**good, **values})
    assert next(iter(values)) in refusal.value.params["fields"]
    assert not Rate.objects.exists()


@pytest.mark.parametrize(
    "values",
    [
        {"percent": Decimal("-0.1")},
        {"percent": Decimal(1001)},
        {"percent": None},
        {"percent": Decimal(5), "model": "chat-small"},
        {"percent": Decimal("1.23456")},
    ],
    ids=str,
)
def test_a_markup_that_cannot_be_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidRate):
        add_markup(values.pop("percent"), **values)


# --- The database, around the code -------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["rates_rate", "rates_markup"])
def test_the_database_keeps_what_is_in_force(table: str) -> None:
    put_rate()
    column = "price" if table == "rates_rate" else "percent"

    assert "rates_in_force_never_changes" in refused(f"UPDATE {table} SET {column} = 99")
    assert "rates_in_force_never_changes" in refused(f"UPDATE {table} SET effective_from = '2090-01-01Z'")
    assert "rates_in_force_never_changes" in refused(f"DELETE FROM {table}")
    assert "Cannot truncate" in refused(f"TRUNCATE {table}")


@pytest.mark.parametrize("table", ["rates_rate", "rates_markup"])
def test_the_database_takes_nothing_that_took_effect_before(table: str) -> None:
    put_rate(effective_from=utc(2090))
    add_markup(Decimal(20), effective_from=utc(2090))
    past = datetime(2026, 1, 1, tzinfo=UTC)

    assert "rates_take_effect_from_now_on" in refused(
        f"UPDATE {table} SET effective_from = %s WHERE effective_from > now()", past
    )
    assert "rates_take_effect_from_now_on" in refused(
        "INSERT INTO rates_markup (provider, model, percent, effective_from) VALUES ('', '', 1, %s)", past
    )
    assert "rates_take_effect_from_now_on" in refused(
        "INSERT INTO rates_rate (provider, model, unit, price, per, effective_from) "
        "VALUES ('example', 'm', 'images', 1, 1, %s)",
        past,
    )


def test_the_database_lets_what_is_planned_be_changed_and_withdrawn() -> None:
    put_rate(effective_from=utc(2090))

    run("UPDATE rates_rate SET price = 9")
    assert Rate.objects.get().price == 9
    run("DELETE FROM rates_rate")
    assert not Rate.objects.exists()


RATE_RULES = [
    ("rates_rate_price_not_negative", "price = -1"),
    ("rates_rate_price_not_negative", "price = 'NaN'"),
    ("rates_rate_per_a_positive_number", "per = 0"),
    ("rates_rate_unit_is_known", "unit = 'tokens'"),
    ("rates_rate_names_are_plain", "model = 'a/b'"),
    ("rates_rate_names_are_plain", "provider = ''"),
    ("rates_rate_one_per_moment", "unit = 'images'"),
]
MARKUP_RULES = [
    ("rates_markup_percent_within_bounds", "percent = -1"),
    ("rates_markup_percent_within_bounds", "percent = 1000.5"),
    ("rates_markup_percent_within_bounds", "percent = 'NaN'"),
    ("rates_markup_for_everything_has_a_percentage", "percent = NULL"),
    ("rates_markup_model_has_a_provider", "model = 'chat-small'"),
    ("rates_markup_one_per_moment", "provider = 'example'"),
]


@pytest.mark.parametrize(("constraint", "change"), RATE_RULES)
def test_the_database_refuses_an_impossible_rate_by_itself(constraint: str, change: str) -> None:
    put_rate(unit="images", effective_from=utc(2090))
    rate = put_rate(effective_from=utc(2090))

    assert constraint in refused(f"UPDATE rates_rate SET {change} WHERE id = %s", rate.pk)


@pytest.mark.parametrize(("constraint", "change"), MARKUP_RULES)
def test_the_database_refuses_an_impossible_markup_by_itself(constraint: str, change: str) -> None:
    add_markup(Decimal(5), provider="example", effective_from=utc(2090))
    markup = add_markup(Decimal(5), effective_from=utc(2090))

    assert constraint in refused(f"UPDATE rates_markup SET {change} WHERE id = %s", markup.pk)


def test_every_guard_of_the_card_has_its_test() -> None:
    tried = {constraint for constraint, _change in RATE_RULES + MARKUP_RULES}
    named = {constraint.name for model in (Rate, Markup) for constraint in model._meta.constraints}
    assert tried == named


def test_each_change_is_recorded_withdrawals_too() -> None:
    rate = put_rate(effective_from=utc(2090))
    rate.price = Decimal(9)
    put_on_card(rate)
    key = rate.pk
    withdraw(rate)

    entries = AuditEntry.objects.filter(kind="rates.rate", object_id=str(key)).order_by("id")
    assert [(entry.act, (entry.after or {}).get("price")) for entry in entries] == [
        ("created", Decimal("1.25")),
        ("changed", 9),
        ("deleted", None),
    ]
