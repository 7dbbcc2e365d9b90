"""The older client's paths: its own shapes over the same functions."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import User
from billing.inbox.models import InboxEvent
from billing.packages.models import Package
from billing.purchases.models import Purchase
from credits.ledger.models import Entry
from tests.billing.calling import (
    browser_of,
    deliver,
    last_event,
    paid_session_event,
    post_json,
    signature_of,
    stripe_posts,
    the_event,
)
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
PURCHASE = "/api/credits/purchase"
WEBHOOK = "/api/credits/webhook"
SESSION = "/api/credits/session/"


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.fixture
def user() -> User:
    buyer: User = UserFactory()
    return buyer


def buy(user: User, body: Any, **headers: str) -> Any:
    return post_json(browser_of(user), PURCHASE, body, **headers)


def refused(answer: Any, status: int) -> str:
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/json")
    body = answer.json()
    assert set(body) == {"success", "message", "detail"}
    assert body["success"] is False
    assert body["detail"] == body["message"]
    message: str = body["message"]
    assert message
    return message


def test_an_order_by_id_or_by_code_opens_a_checkout(user: User, sandbox: Sandbox) -> None:
    package = Package.objects.get(code="standard")
    for package_id in (package.pk, str(package.pk), "standard"):
        answer = buy(user, {"package_id": package_id, "payment_method": "stripe"})

        assert answer.status_code == 200
        newest = sandbox.objects("checkout.session")[-1]
        opened = {"success": True, "message": "Checkout session created", "payment_url": newest["url"]}
        assert answer.json() == opened
        assert newest["amount_total"] == 4500
        assert newest["metadata"] == {
            "purchase_id": newest["client_reference_id"],
            "user_id": str(user.pk),
            "package_code": "standard",
            "credits": "5000",
            "package_id": str(package_id),
        }
    assert Purchase.objects.filter(package=package, user=user, status="pending").count() == 3


def test_a_repeated_key_gives_the_same_checkout(user: User, sandbox: Sandbox) -> None:
    body = {"package_id": "pro", "payment_method": "stripe"}

    assert buy(user, body, Idempotency_Key="a").json() == buy(user, body, Idempotency_Key="a").json()
    assert len(stripe_posts(sandbox, "/v1/checkout")) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"package_id": "nothing"}, 404),
        ({"package_id": "999999999999999999999"}, 404),
        ({"package_id": "²"}, 404),
        ({"package_id": -1}, 404),
        ({}, 400),
        ({"package_id": "pro", "payment_method": "paypal"}, 400),
        ([], 400),
    ],
)
def test_a_wrong_order_is_refused_in_the_older_shape(
    user: User, sandbox: Sandbox, body: Any, status: int
) -> None:
    refused(buy(user, body), status)
    assert Purchase.objects.count() == 0
    assert sandbox.calls() == []


def test_without_stripe_the_order_is_refused_and_nothing_is_charged(user: User, sandbox: Sandbox) -> None:
    sandbox.fault(method="POST", path="/v1/checkout/sessions", status=500, times=1)

    refused(buy(user, {"package_id": "pro"}), 502)
    assert Purchase.objects.get().status == "failed"


def test_a_session_is_shown_as_stripe_holds_it_and_credited(user: User, sandbox: Sandbox) -> None:
    sandbox.hold_webhooks()
    started = start(user, "standard")
    sandbox.pay(started.session_id)
    answer = browser_of(user).get(SESSION + started.session_id)

    (intent,) = sandbox.objects("payment_intent")
    assert answer.status_code == 200
    assert answer.json() == {
        "success": True,
        "session": {
            "id": started.session_id,
            "payment_status": "paid",
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
            "payment_intent": intent["id"],
        },
    }
    assert Entry.objects.get().amount == 5000


def test_an_open_session_has_no_payment_yet(user: User) -> None:
    session = browser_of(user).get(SESSION + start(user).session_id).json()["session"]

    assert (session["payment_status"], session["payment_intent"]) == ("unpaid", None)
    assert Entry.objects.count() == 0


def test_a_session_that_was_opened_before_credits_stood_in_it_shows_them(
    user: User, sandbox: Sandbox
) -> None:
    started = start(user, "standard")
    older = {"purchase_id": str(started.purchase.pk), "user_id": str(user.pk), "package_code": "standard"}
    sandbox.change_object("checkout.session", started.session_id, {"metadata": older})
    Package.objects.all().delete()

    session = browser_of(user).get(SESSION + started.session_id).json()["session"]
    assert session["metadata"] == {**older, "credits": "5000", "package_id": "standard"}


def test_somebody_elses_session_is_a_403_and_none_at_all_a_404(user: User, sandbox: Sandbox) -> None:
    session_id, stranger = start(user).session_id, browser_of(UserFactory())
    sandbox.pay(session_id)
    sandbox.wait_for_webhooks()
    calls = len(sandbox.calls())

    refused(stranger.get(SESSION + session_id), 403)
    assert len(sandbox.calls()) == calls
    refused(stranger.get(f"{SESSION}cs_test_none"), 404)
    refused(stranger.get(f"{SESSION}none"), 404)


@pytest.mark.parametrize("front_end", ["", "https://app.example.com/shop"])
def test_the_buyer_comes_back_to_the_older_front_end(
    user: User, sandbox: Sandbox, settings: Any, front_end: str
) -> None:
    settings.FRONTEND_URL = front_end
    assert buy(user, {"package_id": "pro"}).status_code == 200

    (session,) = sandbox.objects("checkout.session")
    base = front_end or settings.SITE_URL
    assert session["success_url"] == f"{base}/credits/success?session_id={{CHECKOUT_SESSION_ID}}"
    assert session["cancel_url"] == (
        f"{base}/credits" if front_end else f"{base}/credits/?checkout=cancelled"
    )


def test_without_stripe_a_session_is_a_502(user: User, sandbox: Sandbox) -> None:
    started = start(user)
    sandbox.fault(method="GET", path="/v1/checkout/sessions/*", status=500, times=1)

    refused(browser_of(user).get(SESSION + started.session_id), 502)


@pytest.mark.parametrize("path", [WEBHOOK, f"{WEBHOOK}/"])
def test_the_older_webhook_credits_once_beside_the_new_one(user: User, sandbox: Sandbox, path: str) -> None:
    event = paid_session_event(sandbox, start(user).session_id)
    older, newer = deliver(event, path), deliver(event)

    assert (older.status_code, older.json()) == (200, {"success": True, "received": True})
    assert newer.status_code == 200
    assert (Entry.objects.count(), the_event().attempts) == (1, 2)


def test_a_forged_delivery_is_refused_in_the_older_shape(user: User, sandbox: Sandbox) -> None:
    paid_session_event(sandbox, start(user).session_id)
    event = last_event(sandbox, "checkout.session.completed")
    forged = {"Stripe-Signature": signature_of(b"x", "whsec_other")}
    answer = browser_of().post(WEBHOOK, event, content_type="application/json", headers=forged)

    refused(answer, 400)
    events = InboxEvent.objects.exclude(type__startswith="customer.")
    assert events.count() == Entry.objects.count() == 0


def test_nobody_signed_in_is_a_401(sandbox: Sandbox) -> None:
    refused(post_json(browser_of(), PURCHASE, {"package_id": "pro"}), 401)
    refused(browser_of().get(f"{SESSION}cs_test_1"), 401)


@pytest.mark.parametrize("path", [PURCHASE, WEBHOOK])
def test_a_get_is_a_405(user: User, path: str) -> None:
    refused(browser_of(user).get(path), 405)
