"""However many look how a checkout stands, Stripe is asked once in two seconds, and only about ours."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from accounts.models import User
from billing.purchases.models import Purchase
from tests.billing.calling import API, browser_of
from tests.support.builders import UserFactory, let_ask_again, put_on_sale, start
from tests.support.racing import at_once
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

DOORS = [f"{API}session/%s", "/api/credits/session/%s", "/credits/success?session_id=%s"]


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.fixture
def user() -> User:
    buyer: User = UserFactory()
    return buyer


def looks_at_stripe(sandbox: Sandbox) -> int:
    return sum(call["method"] == "GET" for call in sandbox.calls())


def test_of_many_who_look_at_once_one_asks_stripe(user: User, sandbox: Sandbox) -> None:
    session_id = start(user).session_id
    looks = [partial(browser_of(user).get, door % session_id) for door in DOORS * 3]
    sandbox.delete("/_sandbox/requests")

    assert [answer.status_code for answer in at_once(*looks)] == [200] * 9
    assert looks_at_stripe(sandbox) == 1
    at_once(*looks)
    assert looks_at_stripe(sandbox) == 1

    let_ask_again()
    at_once(*looks)
    assert looks_at_stripe(sandbox) == 2


def test_each_session_has_its_own_turn(user: User, sandbox: Sandbox) -> None:
    sessions = [start(user).session_id for _ in range(2)]
    sandbox.delete("/_sandbox/requests")
    for session_id in sessions * 2:
        browser_of(user).get(DOORS[0] % session_id)

    assert looks_at_stripe(sandbox) == 2


def test_who_comes_too_soon_is_told_what_we_know(user: User, sandbox: Sandbox) -> None:
    sandbox.hold_webhooks()
    started = start(user, "standard")
    browser_of(user).get(DOORS[0] % started.session_id)
    sandbox.pay(started.session_id)
    new, older, page = (browser_of(user).get(door % started.session_id) for door in DOORS)

    assert (new.json()["status"], new.json()["payment_status"]) == ("pending", "unpaid")
    assert older.json()["session"] == {
        "id": started.session_id,
        "payment_status": "unpaid",
        "customer_email": user.email,
        "amount_total": 4500,
        "currency": "usd",
        "metadata": {
            "purchase_id": str(started.purchase.pk),
            "user_id": str(user.pk),
            "package_code": "standard",
            "credits": "5000",
            "package_id": str(started.purchase.package_id),
        },
        "payment_intent": None,
    }
    assert "Processing your payment" in page.content.decode()

    let_ask_again()
    assert browser_of(user).get(DOORS[0] % started.session_id).json()["credited"] is True


@pytest.mark.parametrize("door", DOORS)
def test_an_id_that_is_not_the_persons_costs_nothing_at_stripe(
    user: User, sandbox: Sandbox, door: str
) -> None:
    others = start(UserFactory()).session_id
    sandbox.delete("/_sandbox/requests")
    answers: list[Any] = [browser_of(user).get(door % session) for session in ("cs_test_invented", others)]

    somebody_elses = 403 if door == DOORS[1] else 404  # the older client was promised that
    assert [answer.status_code for answer in answers] == [404, somebody_elses]
    assert sandbox.calls() == []
    assert Purchase.objects.get().asked_stripe_at is None
