"""Buying for a team: the credits go to its account, and only its members can buy for it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from accounts.teams.errors import UnknownTeam
from accounts.teams.membership import create_team
from accounts.teams.models import Team
from billing.checkout.success import confirm_session
from billing.errors import IdempotencyKeyReused
from billing.mail.confirmation import send_purchase_confirmation
from billing.purchases.models import Purchase, PurchaseEvent
from credits.ledger.models import Account
from credits.ledger.operations import open_account
from tests.support.builders import UserFactory, put_on_sale, start

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def team() -> Team:
    put_on_sale()
    return create_team(UserFactory(username="founder"), "Acme")


def test_what_is_bought_for_a_team_is_the_teams(sandbox: Any, team: Team) -> None:
    founder = team.memberships.get().user
    bought = start(founder, team_id=team.pk)
    sandbox.post(f"/_sandbox/checkout/sessions/{bought.session_id}/pay", {"card": "4242424242424242"})
    purchase = confirm_session(founder, bought.session_id, PurchaseEvent.Source.API)
    assert purchase.status == Purchase.Status.COMPLETED
    assert Account.objects.get(team=team).balance == purchase.credits
    assert open_account(founder).balance == 0
    mail.outbox.clear()
    send_purchase_confirmation(purchase.pk)
    assert "were added to Acme" in mail.outbox[0].body


def test_stripe_says_for_which_team_it_is(sandbox: Any) -> None:
    put_on_sale()
    founder = UserFactory()
    start(founder, team_id=create_team(founder, "Acme [x](https://example.com)").pk)

    (session,) = sandbox.objects("checkout.session")
    said = "1,000 credits for the team Acme (x)(https://example.com)"
    assert session["custom_text"]["submit"]["message"] == said


def test_nobody_buys_for_a_team_of_others(sandbox: Any, team: Team) -> None:
    with pytest.raises(UnknownTeam):
        start(UserFactory(), team_id=team.pk)
    assert not Purchase.objects.exists()


def test_the_page_buys_for_whom_one_acts(sandbox: Any, team: Team, client: Client) -> None:
    founder = team.memberships.get().user
    client.force_login(founder)
    session = client.session
    session["acting_team"] = str(team.pk)
    session.save()
    assert "Buy credits for Acme" in client.get("/credits/").content.decode()
    client.post("/credits/buy", {"package_code": "starter", "order_token": "a", "shown_for": str(team.pk)})
    assert Purchase.objects.get().account.team == team


def test_a_key_stands_for_one_account(sandbox: Any, team: Team) -> None:
    founder = team.memberships.get().user
    start(founder, idempotency_key="one")
    with pytest.raises(IdempotencyKeyReused):
        start(founder, idempotency_key="one", team_id=team.pk)
