"""A link binds the new user who follows it and signs up, once ever, and nobody else."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role
from billing.referrals.binding import bind
from billing.referrals.models import Device, Referral
from billing.referrals.referrers import referral_standing, referrer_of
from billing.referrals.staff import stop_referrer
from billing.referrals.visits import DEVICE_COOKIE, VISIT_COOKIE, Visit
from tests.accounts.browsers import Browser
from tests.referrals.making import REWARD, let_wait, pay, standing
from tests.support.builders import UserFactory
from tests.support.openid import provider, sandbox
from tests.support.signing_in import sign_in

__all__ = ["provider", "sandbox"]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:No directory at:UserWarning"),
]
API = "/api/v1/billing/credits/referral"


@pytest.fixture(autouse=True)
def _on(settings: Any) -> None:
    settings.REFERRAL_REWARD = REWARD


@pytest.fixture
def browsers(live_server: LiveServer, settings: Any) -> Iterator[list[Browser]]:
    settings.SITE_URL = live_server.url
    opened = [Browser(live_server.url) for _each in range(3)]
    yield opened
    for browser in opened:
        browser.http.close()


def test_a_link_is_followed_a_user_signs_up_and_a_second_account_on_the_same_device_gets_nothing(
    browsers: list[Browser],
) -> None:
    own, friends, again = browsers
    own.sign_in("buyer", "/credits/billing/")
    ada = User.objects.get(username="buyer")
    link = referral_standing(ada).link
    assert link in own.get("/credits/billing/").text

    friends.get(link)
    friends.sign_in("buyer2")
    grace = User.objects.get(username="buyer2")
    assert Referral.objects.get().referred == grace

    # As in the first browser, after signing out here and at the provider.
    again.http.cookies.set(DEVICE_COOKIE, own.http.cookies[DEVICE_COOKIE])
    again.get(link)
    again.sign_in("staff")
    second = User.objects.get(username="staff")
    for user in (grace, second):
        pay(user)
    let_wait()
    assert (standing(grace), standing(second)) == (("rewarded", ""), ("refused", "same_device"))
    hashes = Device.objects.values_list("cookie_hash", flat=True)
    assert own.http.cookies[DEVICE_COOKIE] not in hashes


def test_somebody_who_had_an_account_before_is_not_bound_by_signing_in(browsers: list[Browser]) -> None:
    own, friends, _again = browsers
    own.sign_in("buyer")
    friends.sign_in("buyer2")
    friends.http.cookies.clear()
    friends.get(referral_standing(User.objects.get(username="buyer")).link)
    friends.sign_in("buyer2")
    assert not Referral.objects.exists()


def test_a_visit_binds_only_a_new_user_without_a_purchase_a_team_or_a_referrer(settings: Any) -> None:
    ada, barbara = UserFactory.create_batch(2)
    before = timezone.now()
    visit, other = (Visit(referrer_of(each).code, before) for each in (ada, barbara))
    grace, buyer, mate = UserFactory.create_batch(3)
    pay(buyer)
    Membership.objects.create(team=create_team(ada, "Engines"), user=mate, role=Role.MEMBER)

    assert [bind(each, visit) for each in (ada, buyer, mate)] == [False] * 3
    assert not bind(grace, Visit("nobody", before))
    assert not bind(ada, Visit(visit.code, ada.date_joined - datetime.timedelta(hours=1))), "oneself"
    late = Visit(visit.code, timezone.now() + datetime.timedelta(seconds=1))
    assert not bind(grace, late), "the account existed before the visit"
    assert [bind(grace, each) for each in (visit, visit, other)] == [True, False, False]
    assert Referral.objects.get().referrer.user == ada

    stop_referrer(referrer_of(barbara).pk, "a farm")
    assert not bind(UserFactory(), other)


def test_a_link_that_refers_nobody_leads_to_the_shop_and_leaves_no_cookie(settings: Any) -> None:
    code = referrer_of(UserFactory()).code

    def cookies(path: str) -> set[str]:
        client = Client()
        assert client.get(path)["Location"] == "/credits/"
        return set(client.cookies)

    assert cookies(f"/r/{code}") == {VISIT_COOKIE, DEVICE_COOKIE}
    assert cookies("/r/unknown") == set()
    stop_referrer(referrer_of(User.objects.get()).pk, "a farm")
    assert cookies(f"/r/{code}") == set()
    settings.REFERRAL_REWARD = 0
    assert cookies(f"/r/{code}") == set()


@pytest.mark.parametrize("value", ["", "forged", "WyJhYmMiLCAxXQ:1:1"])
def test_a_cookie_that_isnt_ours_binds_nobody_and_stops_no_sign_in(
    value: str, live_server: LiveServer
) -> None:
    browser = Browser(live_server.url)
    browser.http.cookies.set(VISIT_COOKIE, value)
    browser.http.cookies.set(DEVICE_COOKIE, "x" * 5000 if value else "")
    browser.sign_in("buyer")
    browser.http.close()
    assert User.objects.filter(username="buyer").exists()
    assert not Referral.objects.exists()
    assert not Device.objects.exists()


def test_the_api_gives_the_link_and_the_page_shows_it_while_there_are_rewards(settings: Any) -> None:
    ada: User = UserFactory()
    client = sign_in(ada)
    answer = client.get(API)
    code = referrer_of(ada).code
    assert answer.json() == {
        "link": f"{settings.SITE_URL}/r/{code}", "code": code, "rewarded": 0, "pending": 0,
    }  # fmt: skip
    page = client.get("/credits/billing/").content.decode()
    assert (f"/r/{code}" in page, "Nobody you invited" in page) == (True, True)

    settings.REFERRAL_REWARD = 0
    refused = client.get(API)
    assert (refused.status_code, refused.json()["code"]) == (404, "referrals_off")
    assert f"/r/{code}" not in client.get("/credits/billing/").content.decode()
