"""A form acts for the account that it was shown for; after a switch in another tab it does nothing and asks."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.teams import membership
from accounts.teams.models import Team
from billing.purchases.models import Purchase
from credits.gifts.models import Gift
from credits.ledger import operations as ledger
from credits.ledger.models import Entry
from credits.notices import low_balance
from credits.notices.models import BalanceAlert
from tests.billing.calling import browser_of, stripe_posts
from tests.credits_pages.builders import book
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox
from tests.teams.builders import People, make_people
from tests.teams.forms import Form, Forms, form_on

pytestmark = pytest.mark.django_db(transaction=True)
STATEMENT = "/credits/statement/"
GIVEN_TO = "grace@example.com"
# Forms that post and act for no account of the session: they name their team in the address, or are about the person.
ABOUT_SOMETHING_ELSE = {
    "accounts:language",
    "accounts:logout",
    "accounts:time-zone",
    "credits-dismiss",
    "credits-gift-buy",
    "credits-gift-order",
    "credits-my-data",
    "credits-reminders",
    "credits-resume",
    "teams:cap",
    "teams:invite",
    "teams:join",
    "teams:leave",
    "teams:list",
    "teams:owner",
    "teams:remove",
    "teams:rename",
    "teams:revoke",
    "teams:role",
    "teams:switch",
}


@pytest.fixture
def people(sandbox: Sandbox) -> People:
    """A shop; an owner who has credits of their own, as the team has, and a threshold that both are below."""
    put_on_sale()
    UserFactory.create(email=GIVEN_TO)
    people = make_people("Crew")
    for account, team in (
        (ledger.open_account(people.owner), None),
        (ledger.open_team_account(people.team), people.team),
    ):
        book(account, 100)
        low_balance.set_threshold(people.owner, team, Decimal(500))
    low_balance.find_crossings()
    return people


def switch(client: Client, team: Team | None) -> None:
    client.post("/teams/switch", {"team": team.pk if team else ""})


def buy(client: Client, sandbox: Sandbox) -> Callable[[], Any]:
    form = form_on(client, "/credits/", "/credits/buy")
    return lambda: client.post("/credits/buy", form)


def set_threshold(client: Client, sandbox: Sandbox) -> Callable[[], Any]:
    form = {**form_on(client, STATEMENT, "/credits/low-balance"), "threshold": "7"}
    return lambda: client.post("/credits/low-balance", form)


def stop_notices(client: Client, sandbox: Sandbox) -> Callable[[], Any]:
    form = {**form_on(client, STATEMENT, "/credits/low-balance"), "threshold": ""}
    return lambda: client.post("/credits/low-balance", form)


def hide_the_banner(client: Client, sandbox: Sandbox) -> Callable[[], Any]:
    form = form_on(client, "/credits/", "/credits/low-balance/hide")
    return lambda: client.post("/credits/low-balance/hide", form)


def plan_a_gift(client: Client, sandbox: Sandbox) -> Callable[[], Any]:
    form = form_on(client, "/credits/gift/", "/credits/gift/")
    return lambda: client.post("/credits/gift/", {**form, **gift()})


def give(client: Client, sandbox: Sandbox) -> Callable[[], Any]:
    form = form_on(client, "/credits/gift/", "/credits/gift/")
    confirmation = client.post("/credits/gift/", {**form, **gift()})
    confirmed = Forms(confirmation.content.decode()).found["/credits/gift/give"]
    return lambda: client.post("/credits/gift/give", confirmed)


def gift() -> Form:
    return {"email": GIVEN_TO, "amount": "3", "message": "For you"}


PRESSES = [buy, set_threshold, stop_notices, hide_the_banner, plan_a_gift, give]
PAGES = [buy, set_threshold, stop_notices, hide_the_banner]


def text_of(answer: Any) -> str:
    return " ".join(re.sub("<[^>]+>", "", answer.content.decode()).split())


def traces(client: Client) -> Any:
    """Everything that a press of one of these could change."""
    return (
        Purchase.objects.count(),
        Gift.objects.count(),
        Entry.objects.count(),
        sorted(BalanceAlert.objects.values_list("account", "threshold")),
        client.session.get(low_balance.HIDDEN_KEY),
    )


@pytest.mark.parametrize("for_team", [True, False], ids=["shown for a team", "shown for oneself"])
@pytest.mark.parametrize("press", PRESSES)
def test_a_form_does_nothing_after_a_switch_in_another_tab(
    people: People, sandbox: Sandbox, press: Any, for_team: bool
) -> None:
    client = browser_of(people.owner)
    shown, acting = (people.team, None) if for_team else (None, people.team)
    switch(client, shown)
    go = press(client, sandbox)
    switch(client, acting)
    before = traces(client)
    answer = go()
    assert answer.status_code == 409
    assert traces(client) == before
    assert stripe_posts(sandbox) == []
    words = {True: "Crew", False: "your personal account"}
    said = f"This page was opened for {words[for_team]}. You’re now using {words[not for_team]}"
    assert said in text_of(answer)


@pytest.mark.parametrize("for_team", [True, False], ids=["for a team", "for oneself"])
@pytest.mark.parametrize("press", PRESSES)
def test_a_form_of_the_account_acted_for_does_what_it_says(
    people: People, sandbox: Sandbox, press: Any, for_team: bool
) -> None:
    """The negative control of the test above."""
    client = browser_of(people.owner)
    switch(client, people.team if for_team else None)
    before = traces(client)
    answer = press(client, sandbox)()
    assert answer.status_code in (200, 302, 303)
    assert (traces(client) != before) == (press is not plan_a_gift)  # which is shown once more


def test_what_is_bought_is_for_the_account_that_the_page_showed(people: People, sandbox: Sandbox) -> None:
    client = browser_of(people.owner)
    switch(client, people.team)
    go = buy(client, sandbox)
    switch(client, None)
    page = go()
    offered = Forms(page.content.decode()).found["/teams/switch"]
    assert offered["next"] == "/credits/"
    switch(client, people.team)  # the page's first button
    go()
    assert Purchase.objects.get().account.team == people.team


@pytest.mark.parametrize("press", PAGES)
def test_the_page_that_asks_offers_both_accounts(people: People, sandbox: Sandbox, press: Any) -> None:
    client = browser_of(people.owner)
    switch(client, people.team)
    go = press(client, sandbox)
    switch(client, None)
    answer = go()
    assert f'name="team" value="{people.team.pk}">Switch to Crew</button>' in answer.content.decode()
    assert "Continue with your personal account</a>" in answer.content.decode()
    assert "nothing was changed and nothing was charged." in text_of(answer)


def test_a_gift_keeps_what_was_typed(people: People, sandbox: Sandbox) -> None:
    client = browser_of(people.owner)
    go = give(client, sandbox)
    switch(client, people.team)
    answer = go()
    page = answer.content.decode()
    assert "Nothing was sent." in page
    assert "For you</textarea>" in page
    form = {**Forms(page).found["/credits/gift/"], **gift()}
    assert "Send 3 credits?" in client.post("/credits/gift/", form).content.decode()


NOBODYS = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("shown_for", ["", "x", NOBODYS])
def test_a_form_that_names_no_account_of_ones_own_does_nothing(
    people: People, sandbox: Sandbox, shown_for: str
) -> None:
    client = browser_of(people.owner)
    form = {**form_on(client, "/credits/", "/credits/buy"), "shown_for": shown_for}
    answer = client.post("/credits/buy", form)
    assert answer.status_code == 409
    assert "Switch to" not in answer.content.decode()
    assert not Purchase.objects.exists()


def test_whoever_was_removed_from_the_team_buys_neither_for_it_nor_for_themselves(
    people: People, sandbox: Sandbox
) -> None:
    client = browser_of(people.member)
    switch(client, people.team)
    go = buy(client, sandbox)
    membership.remove_member(people.owner, people.team.pk, people.member.pk)
    answer = go()
    assert answer.status_code == 409
    assert "opened for a team you’re not in" in text_of(answer)
    assert not Purchase.objects.exists()


def test_whoever_is_removed_at_that_moment_buys_nothing(
    people: People, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the session and the purchase."""
    client = browser_of(people.member)
    switch(client, people.team)
    go = buy(client, sandbox)
    monkeypatch.setattr("accounts.teams.shown_account.acting_team", lambda _request: people.team)
    membership.remove_member(people.owner, people.team.pk, people.member.pk)
    assert go()["Location"] == "/credits/"
    assert not Purchase.objects.exists()


# --- Reading --------------------------------------------------------------------------------------------------------


def test_the_file_of_a_statement_is_of_the_account_that_the_page_showed(people: People) -> None:
    client = browser_of(people.owner)
    switch(client, people.team)
    page = client.get(STATEMENT).content.decode()
    link = re.search(r'href="(/credits/statement\.csv[^"]*)"', page)
    assert link
    assert client.get(link[1]).status_code == 200
    switch(client, None)
    answer = client.get(link[1])
    assert answer.status_code == 409
    assert "This page was opened for Crew" in text_of(answer)
    assert client.get("/credits/statement.csv").status_code == 200


def test_a_part_of_a_statement_is_never_put_into_another_accounts_page(people: People) -> None:
    client = browser_of(people.owner)
    switch(client, people.team)
    page = client.get(STATEMENT).content.decode()
    assert f'{{"X-Shown-For": "{people.team.pk}"}}' in page
    htmx = {"HX-Request": "true", "X-Shown-For": str(people.team.pk)}
    assert b"statement" in client.get(f"{STATEMENT}?kind=purchase", headers=htmx).content
    switch(client, None)
    answer = client.get(f"{STATEMENT}?kind=purchase", headers=htmx)
    assert (answer.content, answer["HX-Redirect"]) == (b"", f"{STATEMENT}?kind=purchase")


# --- Everywhere -----------------------------------------------------------------------------------------------------


def test_every_form_that_acts_for_an_account_names_it() -> None:
    """A form that posts names its account, or stands in the list above."""
    forms = [
        (template.name, form)
        for template in Path("templates").rglob("*.html")
        if "admin" not in template.parts
        for form in re.findall(r'<form\b[^>]*method="post".*?</form>', template.read_text(), re.DOTALL)
    ]
    assert len(forms) > 10
    for name, form in forms:
        action = re.search(r'action="\{% url "([\w:-]+)"', form)
        is_about_something_else = action is None or action[1] in ABOUT_SOMETHING_ELSE
        assert is_about_something_else != ("teams/parts/shown_for.html" in form), name
