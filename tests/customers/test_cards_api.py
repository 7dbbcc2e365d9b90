"""The API of saved cards: which there are, and buying with one, by those who may."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role, Team
from billing.customers.methods import shown_methods
from billing.purchases.models import Purchase
from credits.ledger.models import Account
from credits.ledger.operations import open_account
from tests.billing.calling import API, assert_problem, browser_of, deliver, made_up_event, post_json
from tests.customers.cards import ASKS_EACH_TIME, DECLINES, charges, confirm_at_bank, replace_card, save_card
from tests.support.builders import UserFactory, let_ask_again, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.fixture
def ada() -> User:
    user: User = UserFactory(email="ada@example.com")
    return user


def listed(user: User, **query: str) -> Any:
    return browser_of(user).get(f"{API}payment-methods", query)


def top_up(user: User, key: str = "one", **order: Any) -> Any:
    headers = {"Idempotency_Key": key} if key else {}
    return post_json(browser_of(user), "top-ups", {"package_code": "standard", **order}, **headers)


def team_with_card(sandbox: Sandbox, owner: User) -> Team:
    team = create_team(owner, "Engines")
    sandbox.pay(start(owner, team_id=team.pk).session_id, save=True)
    sandbox.wait_for_webhooks()
    return team


def test_only_cards_that_can_be_charged_are_listed(sandbox: Sandbox, ada: User) -> None:
    assert listed(ada).json() == []
    card = save_card(sandbox, ada)
    assert listed(ada).json() == [
        {
            "id": str(card),
            "brand": "visa",
            "last4": "4242",
            "exp_month": 12,
            "exp_year": 2034,
            "is_default": True,
        }
    ]
    (saved,) = shown_methods(open_account(ada))
    by_staff = {**sandbox.objects("payment_method")[-1], "id": "pm_staff", "allow_redisplay": "unspecified"}
    assert deliver(made_up_event("payment_method.attached", by_staff)).status_code == 200
    assert [each["id"] for each in listed(ada).json()] == [str(card)]

    sandbox.set_expiry(saved.row.stripe_payment_method_id, exp_month=1, exp_year=2020)
    sandbox.wait_for_webhooks()
    assert listed(ada).json() == []
    assert_problem(top_up(ada), 409, "no_payment_method")


def test_a_top_up_charges_the_default_card_once_per_key(sandbox: Sandbox, ada: User) -> None:
    card = save_card(sandbox, ada)
    answer = top_up(ada)
    purchase = Purchase.objects.get(pk=answer.json()["purchase_id"])
    assert (answer.status_code, answer.json()) == (
        201,
        {"purchase_id": str(purchase.pk), "status": "completed", "confirm_url": None, "failure_code": None},
    )
    assert (purchase.status, purchase.charged_method_id, purchase.price_minor) == ("completed", card, 4500)

    # Another card is the default by now: a repeat is the same order all the same.
    replace_card(sandbox, ada, DECLINES)
    sandbox.wait_for_webhooks()
    assert top_up(ada).json() == answer.json()
    assert_problem(top_up(ada, package_code="starter"), 422, "idempotency_key_reused")
    assert len(charges(sandbox)) == 1


def test_each_outcome_is_told(sandbox: Sandbox, ada: User) -> None:
    save_card(sandbox, ada, DECLINES)
    failed = top_up(ada).json()
    assert (failed["status"], failed["failure_code"], failed["confirm_url"]) == (
        "failed",
        "generic_decline",
        None,
    )
    replace_card(sandbox, ada, ASKS_EACH_TIME)
    sandbox.wait_for_webhooks()
    asked = top_up(ada, "two").json()
    assert (asked["status"], asked["failure_code"]) == ("requires_action", None)
    assert top_up(ada, "two").json() == asked

    confirm_at_bank(asked["confirm_url"])
    let_ask_again()
    polled = browser_of(ada).get(f"{API}session/{asked['purchase_id']}").json()
    assert (polled["status"], polled["credited"]) == ("completed", True)
    assert top_up(ada, "two").json()["status"] == "completed"


def test_without_an_answer_it_is_under_way(sandbox: Sandbox, ada: User) -> None:
    save_card(sandbox, ada)
    sandbox.hold_webhooks()
    sandbox.fault(method="POST", path="/v1/payment_intents", status=None, after=True, times=10)
    started = top_up(ada).json()
    assert (started["status"], started["confirm_url"]) == ("processing", None)
    sandbox.delete("/_sandbox/faults")
    let_ask_again()
    assert browser_of(ada).get(f"{API}session/{started['purchase_id']}").json()["credited"]
    assert (top_up(ada).json()["status"], len(charges(sandbox))) == ("completed", 1)


def test_an_order_that_cannot_be_is_refused_and_charges_nothing(sandbox: Sandbox, ada: User) -> None:
    assert_problem(top_up(ada), 409, "no_payment_method")
    card = save_card(sandbox, ada)
    assert_problem(top_up(ada, ""), 400, "idempotency_key_required")
    assert_problem(top_up(UserFactory(), payment_method=str(card)), 404, "unknown_payment_method")
    assert_problem(top_up(ada, package_code="none"), 404, "unknown_package")
    assert_problem(top_up(ada, payment_method="4242"), 400, "invalid_request")
    assert_problem(top_up(ada, "x" * 256), 400, "invalid_idempotency_key")
    assert charges(sandbox) == []


def test_a_teams_card_is_its_owners_and_admins(sandbox: Sandbox, ada: User) -> None:
    team = team_with_card(sandbox, ada)
    member, admin = UserFactory(), UserFactory()
    Membership.objects.create(team=team, user=member, role=Role.MEMBER)
    Membership.objects.create(team=team, user=admin, role=Role.ADMIN)

    assert [card["last4"] for card in listed(admin, team=str(team.pk)).json()] == ["4242"]
    assert_problem(listed(member, team=str(team.pk)), 403, "role_forbids")
    assert_problem(listed(UserFactory(), team=str(team.pk)), 404, "unknown_team")
    assert_problem(top_up(member, team=str(team.pk)), 403, "role_forbids")
    assert_problem(top_up(UserFactory(), team=str(team.pk)), 404, "unknown_team")
    assert_problem(top_up(admin), 409, "no_payment_method")
    assert top_up(admin, "two", team=str(team.pk)).json()["status"] == "completed"
    assert Account.objects.get(team=team).balance == 6000


def test_a_custom_amount_is_charged_too(sandbox: Sandbox, ada: User) -> None:
    save_card(sandbox, ada)
    body = {"amount": "37.50", "currency": "usd"}
    answer = post_json(browser_of(ada), "top-ups", body, Idempotency_Key="amount")
    assert (answer.status_code, answer.json()["status"]) == (201, "completed")
    assert Purchase.objects.get(package_code="custom").paid_minor == 3750
    both = post_json(browser_of(ada), "top-ups", body | {"package_code": "pro"}, Idempotency_Key="both")
    assert_problem(both, 400, "invalid_request")
