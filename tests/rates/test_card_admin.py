"""Staff see what is in force, was and will be; plan a price from a date; and never touch what is in force."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.audit.models import AuditEntry
from accounts.models import User
from credits.rates.errors import UnknownModel
from credits.rates.models import Markup, Rate
from credits.rates.pricing import price_usage
from tests.admin.pages import add_to, button_of, history_of, list_of, page_of, read, rows_of
from tests.rates.builders import add_markup, put_rate, utc
from tests.support.builders import UserFactory
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db

RATES, MARKUPS = list_of(Rate), list_of(Markup)


@pytest.fixture
def stella() -> User:
    user: User = UserFactory.create(username="stella", is_staff=True, is_superuser=True)
    return user


@pytest.fixture
def as_superuser(stella: User) -> Client:
    return sign_in(stella)


@pytest.fixture
def as_clerk() -> Client:
    return sign_in(UserFactory.create(username="carl", is_staff=True))


def form_of(**changes: str) -> dict[str, str]:
    fields = {
        "provider": "example",
        "model": "chat-small",
        "unit": "input_tokens",
        "price": "1.25",
        "per": "1000",
        "effective_from_0": "",
        "effective_from_1": "",
    }
    return {**fields, **changes}


def markup_form(**changes: str) -> dict[str, str]:
    return {
        "percent": "",
        "provider": "",
        "model": "",
        "effective_from_0": "",
        "effective_from_1": "",
        **changes,
    }


# --- Adding ------------------------------------------------------------------------------------------------------


def test_a_rate_without_a_date_is_in_force_at_once(as_superuser: Client) -> None:
    assert as_superuser.post(add_to(Rate), form_of()).status_code == 302

    assert price_usage("chat-small", {"input_tokens": 1000}).amount == Decimal("1.4375")


def test_a_rate_is_planned_for_a_date(as_superuser: Client) -> None:
    put_rate()
    fields = form_of(price="2", effective_from_0="2090-01-01", effective_from_1="12:30")

    assert as_superuser.post(add_to(Rate), fields).status_code == 302
    assert Rate.objects.get(price=2).effective_from == utc(2090, 1, 1, 12, 30)
    assert price_usage("chat-small", {"input_tokens": 1000}).amount == Decimal("1.4375")


def test_a_date_is_read_in_the_sites_zone_across_daylight_saving(as_superuser: Client, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    for day, price in (("2092-03-29", "1"), ("2092-03-31", "2")):
        as_superuser.post(add_to(Rate), form_of(price=price, effective_from_0=day, effective_from_1="00:00"))

    berlin = ZoneInfo("Europe/Berlin")
    stored = [rate.effective_from for rate in Rate.objects.order_by("price")]
    assert stored == [datetime(2092, 3, day, tzinfo=berlin) for day in (29, 31)]
    assert [moment.utctimetuple().tm_hour for moment in stored] == [23, 22]


def test_an_hour_that_the_clocks_leave_out_is_refused(as_superuser: Client, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    answer = as_superuser.post(add_to(Rate), form_of(effective_from_0="2092-03-30", effective_from_1="02:30"))

    assert answer.status_code == 200
    assert "effective_from" in answer.context["adminform"].form.errors
    assert not Rate.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"price": "-1"}, "price"),
        ({"per": "0"}, "per"),
        ({"unit": "tokens"}, "unit"),
        ({"model": "chat/small"}, "model"),
        ({"effective_from_0": "2020-01-01", "effective_from_1": "00:00"}, "effective_from"),
    ],
)
def test_a_mistake_is_named_at_its_field(as_superuser: Client, changes: dict[str, str], field: str) -> None:
    answer = as_superuser.post(add_to(Rate), form_of(**changes))

    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [field]
    assert not Rate.objects.exists()


@pytest.mark.parametrize("changes", [{"price": ""}, {"none": "on"}], ids=["nothing", "both"])
def test_a_forgotten_price_takes_nothing_off_the_card(as_superuser: Client, changes: dict[str, str]) -> None:
    answer = as_superuser.post(add_to(Rate), form_of(**changes))

    assert list(answer.context["adminform"].form.errors) == ["price"]
    assert not Rate.objects.exists()


def test_a_unit_is_taken_off_the_card_on_purpose(as_superuser: Client) -> None:
    put_rate()

    assert as_superuser.post(add_to(Rate), form_of(price="", none="on")).status_code == 302
    with pytest.raises(UnknownModel):
        price_usage("chat-small", {"input_tokens": 1})


def test_the_same_moment_twice_is_refused_in_words(as_superuser: Client) -> None:
    put_rate(effective_from=utc(2090))
    answer = as_superuser.post(add_to(Rate), form_of(effective_from_0="2090-01-01", effective_from_1="00:00"))

    assert "This unit already has a rate from this moment." in answer.content.decode()
    assert Rate.objects.count() == 1


def test_a_markup_is_added_for_a_provider(as_superuser: Client) -> None:
    put_rate()
    assert as_superuser.post(add_to(Markup), markup_form(percent="20", provider="example")).status_code == 302

    assert price_usage("chat-small", {"input_tokens": 1000}).amount == Decimal("1.5")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "Enter a number, or tick the box below."),
        ({"none": "on"}, "Enter a percentage for the general markup, even if it is 0."),
        ({"percent": "5", "model": "chat-small"}, "Enter the model’s provider as well."),
        ({"percent": "1001", "provider": "example"}, "less than or equal to 1000"),
    ],
)
def test_an_impossible_markup_is_refused_in_words(
    as_superuser: Client, changes: dict[str, str], reason: str
) -> None:
    answer = as_superuser.post(add_to(Markup), markup_form(**changes))

    assert reason in answer.content.decode()
    assert Markup.objects.count() == 1


def test_the_button_leads_to_a_new_price_of_the_same_unit(as_superuser: Client) -> None:
    rate = put_rate(per=7)
    page = as_superuser.get(button_of(rate, "change_price"), follow=True)

    initial = page.context["adminform"].form.initial
    assert {name: initial[name] for name in ("provider", "model", "unit", "per")} == {
        "provider": "example",
        "model": "chat-small",
        "unit": "input_tokens",
        "per": "7",
    }
    assert "price" not in initial


# --- What is in force stays --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rate", "markup"])
def test_what_is_in_force_can_be_read_and_nothing_else(as_superuser: Client, kind: str) -> None:
    row: Rate | Markup = put_rate() if kind == "rate" else Markup.objects.get()
    fields = form_of(price="99") if kind == "rate" else markup_form(percent="99")

    assert 'name="_save"' not in read(as_superuser, page_of(row))
    assert as_superuser.post(page_of(row), fields).status_code == 403
    assert as_superuser.get(page_of(row, "delete")).status_code == 403
    assert as_superuser.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403
    as_superuser.post(
        list_of(type(row)), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    )
    row.refresh_from_db()


def test_what_is_planned_is_changed_and_withdrawn_and_both_are_recorded(
    as_superuser: Client, stella: User
) -> None:
    rate = put_rate(effective_from=utc(2090))
    fields = form_of(price="9", effective_from_0="2091-01-01", effective_from_1="00:00")

    assert as_superuser.post(page_of(rate), fields).status_code == 302
    rate.refresh_from_db()
    assert (rate.price, rate.effective_from) == (Decimal(9), utc(2091))
    assert [who for who, _what in history_of(rate)] == ["stella"]
    key = rate.pk
    assert as_superuser.post(page_of(rate, "delete"), {"post": "yes"}).status_code == 302
    assert not Rate.objects.exists()
    entries = AuditEntry.objects.filter(kind="rates.rate", object_id=str(key)).order_by("id")
    assert [entry.act for entry in entries] == ["created", "changed", "deleted"]
    assert entries[2].actor_id == stella.pk


# --- Reading -----------------------------------------------------------------------------------------------------


def test_the_list_says_what_is_in_force_what_was_and_what_will_be(as_superuser: Client) -> None:
    old, new = put_rate(price="1"), put_rate(price="2")
    later = put_rate(price="3", effective_from=timezone.now() + timedelta(days=3))

    page = read(as_superuser, RATES)
    for said in ("active", "scheduled", "past", "2 per 1,000", "example/chat-small"):
        assert said in page
    for state, rate in (("past", old), ("in_force", new), ("planned", later)):
        assert rows_of(as_superuser, RATES, state=state) == [rate]
    assert len(rows_of(as_superuser, RATES, state="nonsense")) == 3


def test_the_list_of_markups_says_for_what_they_are(as_superuser: Client) -> None:
    add_markup(Decimal("7.5"), provider="example", model="chat-small")
    add_markup(None, provider="example")

    page = read(as_superuser, MARKUPS)
    for said in ("everything", "15%", "example/chat-small", "7.5%", "inherited"):
        assert said in page


def test_a_rates_page_says_what_it_would_cost(as_superuser: Client) -> None:
    page = read(as_superuser, page_of(put_rate()))

    assert "With 15% (everything)" in page
    for cell in ("1,000 input tokens", "1.25", "1.4375", "0.001438", "143.75"):
        assert f"<td>{cell}</td>" in page


def test_a_past_rates_page_says_what_it_cost_even_when_its_model_is_gone(as_superuser: Client) -> None:
    old = put_rate(price="1")
    gone = put_rate(price=None)

    assert "<td>1.15</td>" in read(as_superuser, page_of(old))
    assert "admin-table" not in read(as_superuser, page_of(gone))
    assert "not offered" in read(as_superuser, RATES)


def test_staff_without_permission_look_and_no_more(as_clerk: Client) -> None:
    rate = put_rate(effective_from=utc(2090))

    assert 'name="_save"' not in read(as_clerk, page_of(rate))
    assert as_clerk.post(page_of(rate), form_of(price="9")).status_code == 403
    assert as_clerk.post(add_to(Rate), form_of()).status_code == 403
    assert as_clerk.get(button_of(rate, "change_price")).status_code == 403


def test_a_permission_to_add_is_enough_to_plan_a_price(as_clerk: Client) -> None:
    User.objects.get(username="carl").user_permissions.add(Permission.objects.get(codename="add_rate"))

    assert as_clerk.post(add_to(Rate), form_of()).status_code == 302
    assert Rate.objects.count() == 1
