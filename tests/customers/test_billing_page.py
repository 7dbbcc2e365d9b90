"""The billing page: what its buttons do, and for whom."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role, Team
from billing.customers.methods import shown_methods
from billing.customers.models import Consent
from credits.ledger.operations import open_account, open_team_account
from tests.billing.calling import browser_of, stripe_posts
from tests.customers.cards import DECLINES, save_card
from tests.support.builders import UserFactory, make_saved_card, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = "/credits/billing/"
BUTTONS = ("cards/add", "cards/remove", "cards/default", "portal")


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.fixture
def ada() -> User:
    user: User = UserFactory(email="ada@example.com")
    return user


def press(client: Client, button: str, shown_for: str = "personal", **form: Any) -> Any:
    """Presses a button as the page that was shown for this account has it."""
    return client.post(f"{PAGE}{button}", {"shown_for": shown_for, **form})


def read(client: Client) -> str:
    return client.get(PAGE).content.decode()


def acting_for(user: User, team: Team) -> Client:
    client = browser_of(user)
    client.post("/teams/switch", {"team": str(team.pk)})
    return client


def test_each_button_does_what_it_says(sandbox: Sandbox, ada: User) -> None:
    client, account = browser_of(ada), open_account(ada)
    assert "No saved cards" in read(client)
    added = press(client, "cards/add")
    assert (added.status_code, "/c/pay/" in added["Location"]) == (303, True)
    assert Consent.objects.get().given_by == ada

    older = save_card(sandbox, ada)
    newer = make_saved_card(account, "0341")
    assert [shown.row.pk for shown in shown_methods(account)] == [newer.pk, older]
    assert press(client, "cards/default", card=str(older)).status_code == 302
    assert "Visa •••• 4242 is your default card now." in read(client)
    assert [shown.row.pk for shown in shown_methods(account)] == [older, newer.pk]

    press(client, "cards/remove", card=str(older))
    assert "Visa •••• 4242 was removed." in read(client)
    press(client, "cards/remove", card=str(older))
    assert "This card was removed before." in read(client)
    assert [shown.row.pk for shown in shown_methods(account)] == [newer.pk]


def test_an_expired_card_is_named_so_and_is_not_offered(sandbox: Sandbox, ada: User) -> None:
    make_saved_card(open_account(ada), exp_month=1, exp_year=2020)
    client = browser_of(ada)
    page = read(client)
    assert "Expired" in page
    assert "Make default" not in page
    assert "Buy with Visa" not in client.get("/credits/").content.decode()


@pytest.mark.parametrize("card", ["of another", "none", "", "4242", "\0"])
def test_anothers_card_is_neither_removed_nor_made_default(sandbox: Sandbox, ada: User, card: str) -> None:
    theirs = make_saved_card(open_account(UserFactory()))
    named = {"of another": str(theirs.pk), "none": "00000000-0000-4000-8000-000000000000"}.get(card, card)
    client = browser_of(ada)
    for button in ("cards/remove", "cards/default"):
        assert press(client, button, card=named).status_code in (302, 400)
    theirs.refresh_from_db()
    assert (theirs.detached_at, theirs.customer.default_method) == (None, "")
    assert stripe_posts(sandbox, "/v1/payment_methods") == []


def test_a_teams_cards_are_its_owners_and_admins(sandbox: Sandbox, ada: User) -> None:
    team = create_team(ada, "Engines")
    card = make_saved_card(open_team_account(team))
    member, admin = UserFactory(), UserFactory()
    Membership.objects.create(team=team, user=member, role=Role.MEMBER)
    Membership.objects.create(team=team, user=admin, role=Role.ADMIN)

    assert "Visa •••• 4242" in read(acting_for(admin, team))
    clerk = acting_for(member, team)
    assert "Visa" not in read(clerk)
    for button in BUTTONS:
        assert press(clerk, button, str(team.pk), card=str(card.pk)).status_code == 302
        assert "Only the team’s owner and admins can do this." in read(clerk)
    card.refresh_from_db()
    assert (card.detached_at, stripe_posts(sandbox), Consent.objects.count()) == (None, [], 1)
    assert "Buy with Visa" in acting_for(admin, team).get("/credits/").content.decode()
    assert "Buy with Visa" not in clerk.get("/credits/").content.decode()


def test_a_form_that_was_shown_for_another_account_does_nothing(sandbox: Sandbox, ada: User) -> None:
    card = make_saved_card(open_account(ada))
    team = create_team(ada, "Engines")
    client = acting_for(ada, team)  # on another page, since
    for button in BUTTONS:
        answer = press(client, button, card=str(card.pk))
        assert answer.status_code == 409, button
    card.refresh_from_db()
    assert (card.detached_at, stripe_posts(sandbox)) == (None, [])


def away(sandbox: Sandbox) -> None:
    sandbox.fault(method="*", path="/v1/*", status=503, times=None)


def refusing(sandbox: Sandbox) -> None:
    sandbox.fault(method="POST", path="/v1/*", status=400, times=None)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [(away, "we don’t know whether this worked"), (refusing, "Nothing was changed.")],
    ids=["away", "refusing"],
)
def test_what_stripe_does_not_do_is_told_as_far_as_it_is_known(
    sandbox: Sandbox, ada: User, settings: Any, trouble: Callable[[Sandbox], None], said: str
) -> None:
    settings.STRIPE_MAX_NETWORK_RETRIES = 0
    save_card(sandbox, ada)
    (shown,) = shown_methods(open_account(ada))
    trouble(sandbox)
    client = browser_of(ada)
    for button in BUTTONS:
        assert press(client, button, card=str(shown.row.pk)).status_code == 302
        assert said in read(client), button
    assert shown_methods(open_account(ada))[0].row == shown.row


def test_a_decline_says_why_and_leads_on(sandbox: Sandbox, ada: User) -> None:
    card = save_card(sandbox, ada, DECLINES)
    client = browser_of(ada)
    shop = client.get("/credits/").content.decode()
    form = dict(re.findall(r'name="(order_token|shown_for)" value="([^"]+)"', shop))
    answer = client.post("/credits/buy", {**form, "package_code": "standard", "card": str(card)})
    page = client.get(answer["Location"]).content.decode()
    assert "Your bank declined the payment." in page
    assert "You weren’t charged, and no credits were added." in page
    assert "Visa •••• 0341" in page
    assert 'href="/credits/"' in page
    history = client.get("/credits/history/").content.decode()
    assert "Failed" in history


def test_a_card_that_stripe_refuses_is_not_called_a_checkout(sandbox: Sandbox, ada: User) -> None:
    card = save_card(sandbox, ada)
    sandbox.fault(method="POST", path="/v1/payment_intents", status=400, times=1)
    client = browser_of(ada)
    order = {"shown_for": "personal", "package_code": "standard", "card": str(card)}
    page = client.post("/credits/buy", order, follow=True).content.decode()
    assert "This card can’t be charged. Nothing was charged. Please press Buy instead." in page


def test_stripes_secret_doesnt_stay_in_the_address(sandbox: Sandbox, ada: User) -> None:
    started = start(ada)
    added = "payment_intent=pi_1&payment_intent_client_secret=pi_1_secret_2&redirect_status=failed"
    there = f"/credits/success?session_id={started.session_id}"
    answer = browser_of(ada).get(f"{there}&{added}")
    assert (answer.status_code, answer["Location"]) == (302, there)
