"""Times on pages are in the reader's zone; the API's and the admin's are not touched."""

from __future__ import annotations

import zoneinfo
from typing import Any

import pytest
from django.utils import timezone

from accounts.errors import UnknownTimeZone
from accounts.models import User
from accounts.time_zones import choose_zone, zone_names, zone_of, zone_options
from credits import ledger
from tests.billing.calling import browser_of
from tests.builders import UserFactory
from tests.credits_pages.builders import at, book

pytestmark = pytest.mark.django_db

STATEMENT = "/credits/statement/"


@pytest.fixture
def ada() -> User:
    user: User = UserFactory.create(time_zone="Europe/Berlin")
    return user


def read(user: User) -> str:
    text: str = browser_of(user).get(STATEMENT).content.decode()
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        ("2025-03-30 00:59", '30 Mar 2025 <span class="minor">01:59:00 CET'),
        ("2025-03-30 01:00", '30 Mar 2025 <span class="minor">03:00:00 CEST'),  # no 02:00 that night
        ("2025-10-26 00:30", '26 Oct 2025 <span class="minor">02:30:00 CEST'),
        ("2025-10-26 01:30", '26 Oct 2025 <span class="minor">02:30:00 CET'),  # the same clock an hour later
        ("2025-12-31 23:30", '1 Jan 2026 <span class="minor">00:30:00 CET'),
    ],
)
def test_an_instant_is_shown_on_the_readers_clock_across_its_changes(
    ada: User, instant: str, shown: str
) -> None:
    book(ledger.open_account(ada), 5, at(instant))
    assert shown in read(ada)


@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        ("2036-03-30 00:59", "30 Mar 2036, 01:59 CET"),
        ("2036-03-30 01:00", "30 Mar 2036, 03:00 CEST"),
        ("2036-10-26 00:59", "26 Oct 2036, 02:59 CEST"),
        ("2036-10-26 01:00", "26 Oct 2036, 02:00 CET"),
    ],
)
def test_an_expiry_is_an_instant_whatever_the_clock_does_between(ada: User, instant: str, shown: str) -> None:
    book(ledger.open_account(ada), 5, expires_at=at(instant))
    page = read(ada)
    assert shown in page
    assert f'datetime="{instant.replace(" ", "T")}:00+00:00"' in page


def test_who_chose_none_reads_the_sites_clock(settings: Any) -> None:
    user = UserFactory.create()
    book(ledger.open_account(user), 5, at("2025-07-01 12:00"))
    assert "12:00:00 UTC" in read(user)
    settings.TIME_ZONE = "Asia/Kolkata"
    assert zone_of(user) == zoneinfo.ZoneInfo("Asia/Kolkata")


def test_a_zone_that_is_not_known_any_more_is_the_sites(ada: User) -> None:
    for name in ("Atlantis/Capital", "../etc/passwd", "\x00"):
        ada.time_zone = name
        assert zone_of(ada) == zoneinfo.ZoneInfo("UTC")


def test_a_zone_is_chosen_on_the_page(ada: User) -> None:
    form = {"time_zone": "America/New_York", "next": STATEMENT}
    assert browser_of(ada).post("/accounts/time-zone", form)["Location"] == STATEMENT
    ada.refresh_from_db()
    assert ada.time_zone == "America/New_York"
    assert "<option selected>America/New_York</option>" in read(ada)
    browser_of(ada).post("/accounts/time-zone", {"time_zone": ""})
    ada.refresh_from_db()
    assert ada.time_zone == ""


@pytest.mark.parametrize("name", ["Atlantis/Capital", "../../etc/passwd", "localtime", "Etc/GMT+5"])
def test_what_is_no_zone_is_refused(ada: User, name: str) -> None:
    with pytest.raises(UnknownTimeZone):
        choose_zone(ada, name)
    browser_of(ada).post("/accounts/time-zone", {"time_zone": name})
    ada.refresh_from_db()
    assert ada.time_zone == "Europe/Berlin"


def test_choosing_leads_to_no_other_site_and_takes_a_post(ada: User) -> None:
    form = {"time_zone": "UTC", "next": "//elsewhere.example.com/"}
    assert browser_of(ada).post("/accounts/time-zone", form)["Location"] == "/credits/"
    assert browser_of(ada).get("/accounts/time-zone").status_code == 405
    assert browser_of().post("/accounts/time-zone", form)["Location"].startswith("/accounts/login/")


def test_the_zones_are_places_and_every_one_of_them_works() -> None:
    assert {"UTC", "Europe/Berlin", "Asia/Kolkata", "Pacific/Chatham"} <= set(zone_names())
    assert len(zone_names()) == zone_options().count("<option>") > 300
    for name in zone_names():
        zoneinfo.ZoneInfo(name)


def test_the_zone_ends_with_the_request(ada: User) -> None:
    read(ada)
    assert timezone.get_current_timezone_name() == "UTC"


def test_the_api_speaks_utc_to_everybody(ada: User) -> None:
    from tests.builders import put_on_sale

    put_on_sale()
    answer = browser_of(ada).get("/api/v1/billing/credits/history")
    assert answer.status_code == 200
    assert "+02:00" not in answer.content.decode()


def test_whoever_has_no_session_is_asked_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        browser_of().get("/accounts/login/")
