"""Times on every page and in every mail are in the reader's zone; the API's are not touched."""

from __future__ import annotations

import re
import zoneinfo
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from accounts.errors import UnknownTimeZone
from accounts.models import User
from accounts.teams.invitation_mail import send_invitation_mail
from accounts.teams.invitations import invite
from accounts.teams.membership import create_team
from accounts.teams.models import Role
from accounts.time_zones import COOKIE, choose_zone, take_from_browser, zone_names, zone_of, zone_options
from credits.ledger import operations as ledger
from credits.ledger.models import Lot
from credits.mailing import send_mail, send_mail_to
from tests.billing.calling import browser_of
from tests.credits_pages.builders import at, book
from tests.support.builders import UserFactory

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
    from tests.support.builders import put_on_sale

    put_on_sale()
    answer = browser_of(ada).get("/api/v1/billing/credits/history")
    assert answer.status_code == 200
    assert "+02:00" not in answer.content.decode()


def test_whoever_has_no_session_is_asked_nothing(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        browser_of().get("/accounts/login/")


def browser_in(zone: str, user: User) -> Any:
    client = browser_of(user)
    client.cookies[COOKIE] = zone
    return client


def test_the_browsers_zone_is_taken_the_first_time_and_then_kept() -> None:
    user: User = UserFactory.create()
    book(ledger.open_account(user), 5, at("2025-07-01 12:00"))
    assert "17:30:00 IST" in browser_in("Asia/Kolkata", user).get(STATEMENT).content.decode()
    assert "17:30:00 IST" in browser_in("America/New_York", user).get(STATEMENT).content.decode()
    user.refresh_from_db()
    assert user.time_zone == "Asia/Kolkata"


@pytest.mark.parametrize("name", ["", "Atlantis/Capital", "../../etc/passwd", "x" * 300])
def test_a_browser_that_says_nothing_sensible_changes_nothing(name: str) -> None:
    user: User = UserFactory.create()
    assert browser_in(name, user).get(STATEMENT).status_code == 200
    user.refresh_from_db()
    assert user.time_zone == ""


def test_what_was_chosen_at_the_same_moment_or_erased_is_left_alone(ada: User) -> None:
    stale = User(pk=ada.pk, time_zone="")
    take_from_browser(stale, "Asia/Kolkata")
    ada.refresh_from_db()
    assert (ada.time_zone, stale.time_zone) == ("Europe/Berlin", "")


def test_staff_read_their_own_clock_in_the_admin(ada: User) -> None:
    ada.is_staff = ada.is_superuser = True
    ada.save()
    account = ledger.open_account(UserFactory.create())
    book(account, 5, at("2025-07-01 12:00"))
    page = browser_of(ada).get("/admin/credits/entry/").content.decode()
    assert "Times in Europe/Berlin" in page
    assert "14:00" in page
    assert "12:00" not in page
    sheet = browser_of(ada).get(f"/admin/credits/account/{account.pk}/change/").content.decode()
    assert "14:00" in sheet


def test_a_filter_by_days_of_the_site_says_so_to_whoever_reads_another_clock(ada: User) -> None:
    ada.is_staff = ada.is_superuser = True
    ada.save()
    page = browser_of(ada).get("/admin/purchases/purchase/").content.decode()
    assert "(days in UTC)" in page
    ada.time_zone = "UTC"
    ada.save()
    assert "(days in" not in browser_of(ada).get("/admin/purchases/purchase/").content.decode()


def test_no_page_and_no_mail_names_a_clock_of_its_own() -> None:
    for template in Path("templates").rglob("*.*"):
        text = template.read_text()
        assert not re.search(r'\|utc\|date:"(?!c")', text), template
        assert not re.search(r"\bUTC\b", text), template


def expiring(user: User) -> dict[str, Any]:
    lot = book(ledger.open_account(user), 5, expires_at=at("2036-07-01 12:00")).lots[0]
    return {"lots": list(Lot.objects.filter(pk=lot)), "total": 5, "team": None}


def test_people_in_several_zones_get_mails_of_their_own_in_each(ada: User) -> None:
    ben = UserFactory.create(time_zone="Asia/Kolkata")
    for reader in (ada, ben):
        send_mail("expiry_warning", expiring(ada), reader)
    berlin, kolkata = mail.outbox
    assert (berlin.to, kolkata.to) == ([ada.email], [ben.email])
    assert "14:00 CEST" in str(berlin.body)
    assert "17:30 IST" in str(kolkata.body)


def test_a_mail_to_an_address_is_in_the_zone_of_whoever_has_it(ada: User) -> None:
    owner: User = UserFactory.create(time_zone="Asia/Kolkata")
    team = create_team(owner, "Crew")
    for address, zone in ((ada.email.upper(), "CES?T"), ("nobody@example.com", "UTC")):
        invitation = invite(owner, team.pk, address, Role.MEMBER)
        assert send_invitation_mail(invitation.pk)
        assert re.search(rf"expires .* {zone}\.", str(mail.outbox[-1].body))


def test_staffs_mailbox_reads_the_clock_of_whose_it_is(ada: User) -> None:
    for address, zone in ((ada.email, "14:00 CEST"), ("staff@example.com", "12:00 UTC")):
        send_mail_to("expiry_warning", expiring(UserFactory.create()), address)
        assert zone in str(mail.outbox[-1].body)
