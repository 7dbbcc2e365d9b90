"""What is in force at a moment: rates and markups change at an instant, whatever clock people read it on."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from credits.rates.changes import withdraw
from credits.rates.errors import UnknownModel, UnknownUnit
from credits.rates.models import Level, Markup, Rate
from credits.rates.pricing import price_usage
from credits.rates.selectors import State, default_model, models_on_card, with_state
from tests.rates.builders import add_markup, put_rate, utc

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
ONE = timedelta(microseconds=1)
KEY = ("provider", "model", "unit")


def price_at(moment: datetime | None = None, model: str = "chat-small") -> Decimal:
    """Of 1,000 input tokens, before the markup."""
    return price_usage(model, {"input_tokens": 1000}, moment).lines[0].amount


def markup_at(moment: datetime | None = None, model: str = "chat-small") -> tuple[str, int]:
    price = price_usage(model, {"input_tokens": 1000}, moment)
    return price.markup_level, int(price.markup_percent)


def test_a_new_rate_is_in_force_at_once() -> None:
    rate = put_rate()

    price = price_usage("chat-small", {"input_tokens": 1000})
    assert (price.amount, tuple(line.rate_id for line in price.lines)) == (Decimal("1.4375"), (rate.pk,))
    assert price.effective_from == rate.effective_from


def test_a_change_takes_effect_at_its_instant_and_not_before() -> None:
    put_rate(effective_from=utc(2090))
    put_rate(price="2", effective_from=utc(2091))

    assert price_at(utc(2091) - ONE) == Decimal("1.25")
    assert price_at(utc(2091)) == Decimal(2)
    assert price_at(utc(2099)) == Decimal(2)
    with pytest.raises(UnknownModel):
        price_at(utc(2090) - ONE)


@pytest.mark.parametrize(
    ("local", "instant"),
    [
        (
            datetime(2092, 3, 30, 1, 59, tzinfo=BERLIN),
            utc(2092, 3, 30, 0, 59),
        ),  # a minute before the clocks go forward
        (datetime(2092, 3, 30, 3, 0, tzinfo=BERLIN), utc(2092, 3, 30, 1, 0)),  # a minute later
        (datetime(2092, 10, 26, 2, 30, tzinfo=BERLIN), utc(2092, 10, 26, 0, 30)),  # half past two
        (
            datetime(2092, 10, 26, 2, 30, tzinfo=BERLIN, fold=1),
            utc(2092, 10, 26, 1, 30),
        ),  # half past two, once more
    ],
)
def test_across_daylight_saving_a_change_is_at_one_instant(local: datetime, instant: datetime) -> None:
    put_rate(effective_from=utc(2090))
    put_rate(price="2", effective_from=local)

    assert price_at(instant - ONE) == Decimal("1.25")
    assert price_at(instant) == Decimal(2)
    assert price_at(instant.astimezone(BERLIN)) == Decimal(2)


def test_in_the_hour_that_comes_twice_both_prices_hold_in_turn() -> None:
    first, second = (datetime(2092, 10, 26, 2, 30, tzinfo=BERLIN, fold=fold) for fold in (0, 1))
    put_rate(effective_from=first)
    put_rate(price="2", effective_from=second)

    assert price_at(first) == Decimal("1.25")
    assert price_at(utc(2092, 10, 26, 1, 29)) == Decimal("1.25")
    assert price_at(second) == Decimal(2)


def test_a_moment_without_its_zone_is_a_mistake_of_the_caller() -> None:
    put_rate()

    with pytest.raises(ValueError, match="time zone"):
        price_at(datetime(2090, 1, 1))  # noqa: DTZ001 - that it is naive is the point


def test_a_unit_without_a_price_is_off_the_card_from_then_on() -> None:
    put_rate(effective_from=utc(2090))
    put_rate(unit="images", price="3", effective_from=utc(2090))
    put_rate(price=None, effective_from=utc(2091))

    assert price_at(utc(2091) - ONE) == Decimal("1.25")
    with pytest.raises(UnknownUnit):
        price_at(utc(2091))
    put_rate(unit="images", price=None, effective_from=utc(2092))
    with pytest.raises(UnknownModel):
        price_at(utc(2092))


# --- Markups -----------------------------------------------------------------------------------------------------


def test_the_default_is_fifteen_per_cent_on_everything() -> None:
    put_rate()

    assert Markup.objects.get().percent == 15
    assert markup_at() == (Level.GLOBAL, 15)


def test_the_narrowest_markup_wins_however_old_it_is() -> None:
    put_rate()
    put_rate("embed")
    put_rate("chat-small", provider="other")
    add_markup(Decimal(3), provider="example", model="chat-small")
    add_markup(Decimal(30), provider="example")
    add_markup(Decimal(20))

    assert markup_at(model="example/chat-small") == (Level.MODEL, 3)
    assert markup_at(model="embed") == (Level.PROVIDER, 30)
    assert markup_at(model="other/chat-small") == (Level.GLOBAL, 20)


def test_a_model_of_the_same_name_has_its_own_markup() -> None:
    put_rate()
    add_markup(Decimal(3), provider="other", model="chat-small")

    assert markup_at() == (Level.GLOBAL, 15)


def test_a_markup_of_nothing_is_one_and_none_gives_way_to_the_wider() -> None:
    put_rate(effective_from=utc(2090))
    add_markup(Decimal(0), provider="example", model="chat-small", effective_from=utc(2091))
    add_markup(None, provider="example", model="chat-small", effective_from=utc(2092))

    assert markup_at(utc(2091) - ONE) == (Level.GLOBAL, 15)
    assert markup_at(utc(2091)) == (Level.MODEL, 0)
    assert markup_at(utc(2092)) == (Level.GLOBAL, 15)


def test_a_price_holds_since_the_last_change_of_any_of_its_parts() -> None:
    put_rate(effective_from=utc(2090))
    add_markup(Decimal(30), effective_from=utc(2091))

    assert price_usage("chat-small", {"input_tokens": 1}, utc(2090)).effective_from == utc(2090)
    assert price_usage("chat-small", {"input_tokens": 1}, utc(2095)).effective_from == utc(2091)


# --- Reading the card --------------------------------------------------------------------------------------------


def test_a_rate_is_planned_then_in_force_then_past() -> None:
    put_rate(effective_from=utc(2090))
    put_rate(price="2", effective_from=utc(2091))
    seen = [
        with_state(Rate.objects.all(), *KEY, at=at).order_by("effective_from")
        for at in (utc(2089), utc(2090), utc(2091), utc(2099))
    ]

    first, second = zip(*([row.state for row in rows] for rows in seen), strict=True)
    assert first == (State.PLANNED, State.IN_FORCE, State.PAST, State.PAST)
    assert second == (State.PLANNED, State.PLANNED, State.IN_FORCE, State.IN_FORCE)
    assert [row.ends_at for row in seen[0]] == [utc(2091), None]


def test_rows_are_found_by_their_state() -> None:
    old, new = put_rate(), put_rate(price="2")
    later = put_rate(price="3", effective_from=timezone.now() + timedelta(days=1))
    other = put_rate(unit="images")

    found = {state: set(with_state(Rate.objects.all(), *KEY).filter(state=state)) for state in State}
    assert found == {State.PLANNED: {later}, State.IN_FORCE: {new, other}, State.PAST: {old}}


def test_what_was_withdrawn_never_takes_effect() -> None:
    put_rate(effective_from=utc(2090))
    withdraw(put_rate(price="2", effective_from=utc(2091)))

    assert price_at(utc(2099)) == Decimal("1.25")


def test_the_first_model_that_reads_text_is_the_default_unless_one_is_called_so() -> None:
    with pytest.raises(UnknownModel):
        default_model()
    put_rate("image-standard", "images")
    put_rate("chat-small")
    put_rate("chat-large")
    put_rate("chat-small", price="9")
    assert default_model() == "example/chat-small"

    put_rate("default")
    assert default_model() == "example/default"
    assert [one.model for one in models_on_card()] == [
        "image-standard",
        "chat-small",
        "chat-large",
        "default",
    ]
