"""GET session: how a checkout stands, verified with Stripe, and credited if nobody was quicker."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
from django.conf import settings

from accounts.models import User
from billing.purchases.models import Purchase
from credits.ledger.models import Entry
from tests.billing.calling import API, assert_problem, browser_of
from tests.support.builders import PackageFactory, UserFactory, let_ask_again, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.fixture
def user() -> User:
    buyer: User = UserFactory()
    return buyer


def read(user: User, session_id: str) -> Any:
    return browser_of(user).get(f"{API}session/{session_id}")


def test_an_open_session_is_unpaid_and_uncredited(user: User) -> None:
    started = start(user, "standard")
    answer = read(user, started.session_id)

    assert answer.status_code == 200
    assert answer.json() == {
        "session_id": started.session_id,
        "purchase_id": str(started.purchase.pk),
        "status": "pending",
        "payment_status": "unpaid",
        "amount_total": 4500,
        "currency": "usd",
        "package_name": "Standard Pack",
        "credits": 5000,
        "bonus_credits": 0,
        "credited": False,
        "needs_attention": False,
        "completed_at": None,
        "stripe_payment_id": None,
    }


def test_a_paid_session_is_credited_by_being_read_and_only_once(user: User, sandbox: Sandbox) -> None:
    sandbox.hold_webhooks()
    started = start(user, "standard")
    sandbox.pay(started.session_id)
    first, second = read(user, started.session_id).json(), read(user, started.session_id).json()

    assert first == second
    assert (first["status"], first["payment_status"], first["credited"]) == ("completed", "paid", True)
    assert first["stripe_payment_id"] == sandbox.objects("payment_intent")[0]["id"]
    assert UTC_TIME.fullmatch(first["completed_at"])
    assert Entry.objects.get().amount == 5000
    sandbox.release_webhooks(copies=2)
    assert Entry.objects.count() == 1


def test_a_completed_session_is_read_without_asking_stripe(user: User, sandbox: Sandbox) -> None:
    started = start(user)
    sandbox.pay(started.session_id)
    sandbox.wait_for_webhooks()
    sandbox.delete("/_sandbox/requests")

    assert read(user, started.session_id).json()["credited"] is True
    assert sandbox.calls() == []


def test_a_delayed_payment_is_processing_until_it_settles(user: User, sandbox: Sandbox) -> None:
    sandbox.hold_webhooks()
    started = start(user)
    sandbox.pay_later(started.session_id)
    assert read(user, started.session_id).json()["status"] == "processing"
    assert Entry.objects.count() == 0

    sandbox.settle(started.session_id)
    let_ask_again()
    assert read(user, started.session_id).json()["status"] == "completed"


def test_an_expired_session_is_expired(user: User, sandbox: Sandbox) -> None:
    sandbox.hold_webhooks()
    started = start(user)
    sandbox.expire(started.session_id)

    assert (read(user, started.session_id).json()["status"], Entry.objects.count()) == ("expired", 0)


def test_a_checkout_of_nothing_needs_no_payment_and_is_credited(user: User, sandbox: Sandbox) -> None:
    """As the version before opened it for a free package."""
    PackageFactory(code="free", credits=50)
    sandbox.hold_webhooks()
    started = start(user, "free")
    Purchase.objects.update(price_minor=0)
    sandbox.discount(started.session_id)
    sandbox.pay(started.session_id)
    body = read(user, started.session_id).json()

    assert (body["payment_status"], body["status"], body["amount_total"]) == (
        "no_payment_required", "completed", 0,
    )  # fmt: skip
    assert Entry.objects.get().amount == 50


def test_while_stripe_is_silent_the_session_is_shown_as_it_was(user: User, sandbox: Sandbox) -> None:
    sandbox.hold_webhooks()
    started = start(user)
    sandbox.pay(started.session_id)
    sandbox.fault(method="GET", path="/v1/checkout/sessions/*", status=500, times=1)

    assert (read(user, started.session_id).status_code, Entry.objects.count()) == (200, 0)
    let_ask_again()
    assert read(user, started.session_id).json()["credited"] is True


def test_somebody_elses_session_is_a_404_and_credits_nobody(user: User, sandbox: Sandbox) -> None:
    sandbox.hold_webhooks()
    started = start(user)
    sandbox.pay(started.session_id)

    assert_problem(read(UserFactory(), started.session_id), 404, "unknown_session")
    assert Purchase.objects.get().status == "pending"
    assert Entry.objects.count() == 0


@pytest.mark.parametrize("session_id", ["cs_test_nothing", "cs_live_nothing", "pi_1", "x" * 300])
def test_an_unknown_session_is_a_404(user: User, session_id: str) -> None:
    assert_problem(read(user, session_id), 404, "unknown_session")


def test_an_id_that_can_be_no_sessions_never_reaches_stripe(user: User, sandbox: Sandbox) -> None:
    read(user, "..%2Fcustomers")
    read(user, "cs_test_1%3Fexpand=x")

    assert sandbox.calls() == []


def test_a_strangers_session_at_stripe_is_a_404_whatever_it_claims(user: User, sandbox: Sandbox) -> None:
    # It refers to a purchase of this user, which has another session: metadata can be copied.
    started = start(user)
    foreign = sandbox_session(sandbox, started.purchase)
    sandbox.pay(foreign)

    assert_problem(read(user, foreign), 404, "unknown_session")
    assert Entry.objects.count() == 0


def sandbox_session(sandbox: Sandbox, purchase: Purchase) -> str:
    """A session that another program opened at the same Stripe account, with our metadata on it."""
    form = {
        "mode": "payment",
        "success_url": "https://elsewhere.example",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "1000",
        "line_items[0][price_data][product_data][name]": "Elsewhere",
        "line_items[0][quantity]": "1",
        "metadata[purchase_id]": str(purchase.pk),
    }
    key = (settings.STRIPE_SECRET_KEY, "")
    answer = requests.post(f"{sandbox.url}/v1/checkout/sessions", form, auth=key, timeout=10)
    session_id: str = answer.json()["id"]
    return session_id
