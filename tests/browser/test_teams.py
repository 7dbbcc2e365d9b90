"""A team's way in the browser: created, joined through the mail's link, capped, acted for."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core import mail
from playwright.sync_api import Page, expect

from accounts.models import User
from accounts.teams import invitations, membership
from accounts.teams.caps import Cap
from accounts.teams.invitation_mail import send_invitation_mail
from accounts.teams.models import Invitation, Period, Role, Team
from billing.purchases.models import Purchase
from tests.browser.barriers import expect_no_barriers
from tests.browser.walking import OpenPage, buy_button, expect_heading
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox
from tests.teams.builders import join, monthly, spend

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_team_is_made_joined_by_the_mails_link_and_spent_from(
    open_page: OpenPage, buyer: User, live_server: Any, settings: Any
) -> None:
    settings.SITE_URL = live_server.url
    page = open_page(buyer)
    page.goto("/credits/")
    expect(page.locator(".switcher")).to_have_count(0)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Teams").click()
    page.get_by_label("Name").fill("Analytical Engines")
    page.get_by_role("button", name="Create team").click()
    expect_heading(page, "Analytical Engines")

    page.get_by_label("Email").fill("grace@example.com")
    page.get_by_label("Spending limit").fill("250")
    page.get_by_label("Limit period").select_option("week")
    page.get_by_role("button", name="Send invitation").click()
    expect(page.get_by_role("status")).to_have_text("The invitation is on its way to grace@example.com.")
    expect(page.get_by_text("Limit: 250 credits per week")).to_be_visible()
    send_invitation_mail(Invitation.objects.get().pk)

    invited = open_page(UserFactory.create(username="grace", first_name="Grace", last_name="Hopper"))
    invited.goto(re.search(r"http\S+/teams/join\S+", str(mail.outbox[0].body))[0])  # type: ignore[index]  # it is there
    expect(invited.get_by_text("250 credits per week")).to_be_visible()
    invited.get_by_role("button", name="Join team").click()
    expect_heading(invited, "Analytical Engines")
    expect(invited.get_by_text("0 of 250 credits spent")).to_be_visible()

    invited.locator(".switcher summary").click()
    invited.locator(".switcher").get_by_role("button", name="Personal").click()
    expect(invited.get_by_role("status")).to_have_text("Switched to your personal account.")
    spend(Team.objects.get(), User.objects.get(username="grace"), 60)
    page.reload()
    expect(page.get_by_text("60 of 250 credits spent")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_switch_in_a_second_tab_is_asked_about_before_anything_is_bought(
    open_page: OpenPage, shop: Sandbox, buyer: User, scripts: bool
) -> None:
    membership.create_team(buyer, "Analytical Engines")
    page = open_page(buyer, java_script_enabled=scripts)
    page.goto("/credits/")
    act_for(page, "Analytical Engines")
    act_for(page.context.new_page(), "Personal")
    buy_button(page, "Pro").click()
    expect_heading(page, "You switched accounts")
    told = "This page was opened for Analytical Engines. You’re now using your personal account"
    expect(page.get_by_text(told)).to_be_visible()
    page.get_by_role("button", name="Switch to Analytical Engines").click()
    expect(page.get_by_role("heading", name="Buy credits for Analytical Engines")).to_be_visible()
    buy_button(page, "Pro").click()
    page.wait_for_url(f"{shop.url}/**")
    assert Purchase.objects.get().account.team == Team.objects.get()


def act_for(page: Page, account: str) -> None:
    page.goto("/credits/")
    page.locator(".switcher summary").click()
    page.locator(".switcher").get_by_role("button", name=account).click()


@pytest.fixture
def team(buyer: User) -> Team:
    """A team in which everything that its page can show is there."""
    team = membership.create_team(buyer, "Analytical Engines, department of difference")
    for number, (first, last) in enumerate(
        [("Grace", "Hopper"), ("Katherine", "Johnson"), ("Mary", "Somerville")]
    ):
        user = UserFactory.create(username=first.lower(), first_name=first, last_name=last)
        cap = Cap(Decimal(500), Period.WEEK) if number else None
        join(team, user, Role.MEMBER if number else Role.ADMIN, cap)
        spend(team, user, "120.5" if number < 2 else "500")
    for number, email in enumerate(
        ["charles@example.com", "a.very.long.address.of.somebody@subdomain.example.com"]
    ):
        role = Role.MEMBER if number else Role.ADMIN
        invitations.invite(buyer, team.pk, email, role, monthly(50) if number else None)
    return team


PAGES: dict[str, Callable[[Team], str]] = {
    "list": lambda team: "/teams/",
    "team": lambda team: f"/teams/{team.pk}/",
    "member": lambda team: f"/teams/{team.pk}/members/{User.objects.get(username='mary').pk}/",
    "join": lambda team: f"/teams/join?token={invitations.token_of(Invitation.objects.all()[0].pk)}",
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_teams_has_no_barrier_and_scrolls_one_way(
    open_page: OpenPage, buyer: User, team: Team, name: str
) -> None:
    page = open_page(buyer)
    page.goto(PAGES[name](team))
    expect_no_barriers(page)
