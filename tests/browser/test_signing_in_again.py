"""The session ends between a page and the press of its button: signing in leads back to the form, and says what to
press.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.urls import resolve, reverse
from playwright.sync_api import Page, expect

from accounts.models import User
from accounts.sign_in.resuming import GENERAL
from accounts.teams.invitations import invite, token_of
from accounts.teams.membership import create_team
from accounts.teams.models import Role, Team
from billing.packages.models import Package
from billing.purchases.models import Purchase
from credits.adjustments.models import Adjustment
from credits.ledger import operations as ledger
from credits.ledger.models import Account
from credits.notices import low_balance
from tests.admin.pages import list_of, page_of
from tests.browser.walking import CHECKOUT, OpenPage, buy_button
from tests.credits.builders import funded, grant
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox
from tests.teams.builders import join

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PASSWORD = "correct horse"
SUBMIT = "form => { form.noValidate = true; form.requestSubmit(form.querySelector('button')); }"
LOST = {"credits-gift-give": "/credits/gift/"}  # shown by a POST: what it asked stands on another page


@pytest.fixture
def team(shop: Sandbox, buyer: User) -> Team:
    """Ada's, with Ben in it and Cleo invited; Ada is short of credits."""
    set_password(buyer)
    team = create_team(buyer, "Engines")
    join(team, UserFactory.create(username="ben"))
    invite(buyer, team.pk, "cleo@example.com", Role.MEMBER)
    account = ledger.open_account(buyer)
    low_balance.set_threshold(buyer, None, grant(account, 40).balance_after + 10)
    low_balance.find_crossings()
    return team


def set_password(user: User) -> None:
    user.set_password(PASSWORD)
    user.save()


def end_sessions() -> None:
    Session.objects.all().delete()


def sign_in(page: Page, name: str = "ada") -> None:
    page.wait_for_url(re.compile(r"/accounts/login/\?next="))
    page.fill("#id_username", name)
    page.fill("#id_password", PASSWORD)
    page.locator("form:has(#id_password) button").click()


def told(page: Page, text: Any) -> None:
    expect(page.get_by_role("status").filter(has_text=str(text))).to_be_visible()
    assert "again=" not in page.url


def forms_of(team: Team) -> list[tuple[str, str]]:
    """Where each form that a buyer can post stands, and where it is posted to."""
    ben = team.memberships.get(role=Role.MEMBER).user_id
    other = create_team(UserFactory.create(username="dora"), "Looms")
    invited = invite(other.memberships.get().user, other.pk, "ada@example.com", Role.MEMBER)
    team_page, member_page = (
        reverse("teams:team", args=[team.pk]),
        reverse("teams:member", args=[team.pk, ben]),
    )
    of_team = [
        ("teams:invite", [team.pk]),
        ("teams:revoke", [team.pk, team.invitations.get().pk]),
        ("teams:rename", [team.pk]),
    ]
    of_member = ["teams:cap", "teams:role", "teams:owner", "teams:remove"]
    return [
        ("/credits/", "/credits/buy"),
        ("/credits/history/?status=failed", "/credits/low-balance/hide"),
        ("/credits/statement/", "/credits/low-balance"),
        ("/credits/statement/", "/accounts/time-zone"),
        ("/credits/statement/", "/credits/my-data"),
        ("/credits/gift/", "/credits/gift/"),
        ("/credits/redeem/", "/credits/redeem/"),
        ("/teams/", "/teams/"),
        ("/credits/history/?status=failed", "/teams/switch"),
        (f"/teams/join?token={token_of(invited.pk)}", "/teams/join"),
        *[(team_page, reverse(name, args=named)) for name, named in of_team],
        *[(member_page, reverse(name, args=[team.pk, ben])) for name in of_member],
    ]


def test_each_form_of_a_buyer_is_met_again_with_what_to_press(open_page: OpenPage, team: Team) -> None:
    page = open_page(User.objects.get(username="ada"))
    for stands_on, posts_to in forms_of(team):
        page.goto(stands_on)
        form = page.locator(f'form[action="{posts_to}"]').first
        end_sessions()
        form.evaluate(SUBMIT)
        sign_in(page)
        told(page, resolve(posts_to).func.posted_from.again)  # type: ignore[attr-defined]
        assert page.url.endswith(stands_on), posts_to
        expect(page.locator(f'form[action="{posts_to}"]').first).to_be_attached()
    assert Purchase.objects.count() == 0
    assert team.memberships.count() == 2


def test_buying_goes_on_after_signing_in_again(open_page: OpenPage, team: Team) -> None:
    page = open_page(User.objects.get(username="ada"))
    page.goto("/credits/")
    end_sessions()
    buy_button(page).click()
    page.wait_for_url(re.compile(r"/accounts/login/\?next="))
    page.fill("#id_username", "ada")
    page.fill("#id_password", "wrong")
    page.locator("form:has(#id_password) button").click()
    expect(page.get_by_role("alert")).to_be_visible()
    sign_in(page)
    told(page, "Nothing was charged. Please press Buy again.")
    buy_button(page).click()
    page.wait_for_url(CHECKOUT)
    assert Purchase.objects.get().status == "pending"


def test_signing_in_again_with_the_provider_leads_back_as_well(
    open_page: OpenPage, shop: Sandbox, settings: Any
) -> None:
    shop.post("/_sandbox/openid/users", {"username": "buyer"})
    page = open_page()
    for stands_on, button, again in (
        ("/credits/", buy_button(page), "Please press Buy again."),
        ("/credits/gift/", page.get_by_role("button", name="Continue"), "press Continue again."),
    ):
        page.context.clear_cookies()
        page.goto(stands_on)
        with_the_provider(page)
        page.wait_for_url(f"**{stands_on}")
        end_sessions()
        if stands_on == "/credits/gift/":
            page.fill("#id_email", "grace@example.com")
            page.fill("#id_amount", "5")
        button.click()
        with_the_provider(page)
        told(page, again)
        assert page.url.endswith(stands_on)


def with_the_provider(page: Page) -> None:
    """Signs in as the demo's buyer, unless the provider still knows them."""
    page.get_by_role("link", name="Sign in with").click()
    page.wait_for_load_state()
    if page.locator("[name=password]").count() and "/realms/" in page.url:
        page.fill("[name=username]", "buyer")
        page.fill("[name=password]", "buyer")
        page.locator("form button").first.click()


def test_each_kind_of_form_of_staff_is_met_again(open_page: OpenPage, shop: Sandbox) -> None:
    stella: User = UserFactory.create(username="stella", is_staff=True, is_superuser=True)
    set_password(stella)
    account = funded(100)
    page = open_page(stella)

    page.goto(page_of(account))  # a dialog, which htmx posts
    page.get_by_role("link", name="Adjust credits").click()
    page.locator("#dialog").get_by_label("Credits").fill("5")
    page.locator("#dialog").get_by_label("Reason").fill("Sorry")
    end_sessions()
    page.locator("#dialog").get_by_role("button", name="Adjust").click()
    sign_in(page, "stella")
    expect(page.get_by_text(str(GENERAL))).to_be_visible()
    assert page.url.endswith(page_of(account))
    assert not Adjustment.objects.exists()

    end_sessions()  # a dialog that is only opened
    page.get_by_role("link", name="Adjust credits").click()
    sign_in(page, "stella")
    page.wait_for_url(f"**{page_of(account)}")

    package = Package.objects.first()
    assert package is not None
    for address, press in (
        (page_of(package), "[name=_save]"),  # a page with a form
        (reverse("admin:auth_user_password_change", args=[account.owner_id]), "[name=password1]"),
        (list_of(Account) + "?q=x", None),  # a search, which is no form to be sent again
    ):
        page.goto(address)
        end_sessions()
        if press:
            page.locator(press).first.evaluate(
                "one => { one.form.noValidate = true; one.form.requestSubmit(); }"
            )
            sign_in(page, "stella")
            expect(page.get_by_text(str(GENERAL))).to_be_visible()
        else:
            page.reload()
            sign_in(page, "stella")
            expect(page.get_by_text(str(GENERAL))).to_have_count(0)
        assert page.url.endswith(address)
