"""POST purchase: one checkout for each order, once for each idempotency key, and nothing charged when Stripe fails."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from accounts.models import User
from billing.packages.models import Package
from billing.purchases.models import Purchase
from credits.ledger.models import Entry
from tests.billing.calling import (
    TokenClient,
    assert_problem,
    browser_of,
    post_json,
    stripe_posts,
)
from tests.support.builders import PackageFactory, UserFactory, put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
SESSIONS = "/v1/checkout/sessions"
ORDER = {"package_code": "standard"}


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.fixture
def user() -> User:
    buyer: User = UserFactory()
    return buyer


def buy(user: User, body: Any = ORDER, **headers: str) -> Any:
    return post_json(browser_of(user), "purchase", body, **headers)


def test_an_order_opens_one_checkout_of_that_price(user: User, sandbox: Sandbox) -> None:
    answer = buy(user)

    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == {"checkout_url", "session_id", "purchase_id"}
    (session,) = sandbox.objects("checkout.session")
    assert (body["session_id"], body["checkout_url"]) == (session["id"], session["url"])
    assert (session["amount_total"], session["currency"], session["mode"]) == (4500, "usd", "payment")
    assert session["client_reference_id"] == session["metadata"]["purchase_id"] == body["purchase_id"]
    purchase = Purchase.objects.get(pk=UUID(body["purchase_id"]))
    assert (purchase.user, purchase.status, purchase.stripe_session_id) == (user, "pending", session["id"])
    assert (purchase.price_minor, purchase.list_price_minor, int(purchase.credits)) == (4500, 5000, 5000)
    assert [(event.what, event.to_status, event.source) for event in purchase.events.all()] == [
        ("started", "pending", "api"),
        ("checkout_opened", "pending", "api"),
    ]
    # Whose account it is, a process asks once.
    asked = [(call["path"], call["status"]) for call in sandbox.calls() if call["path"] != "/v1/account"]
    assert asked == [("/v1/customers", 200), (SESSIONS, 200)]


def test_a_second_order_without_a_key_is_a_second_purchase(user: User, sandbox: Sandbox) -> None:
    assert buy(user).json()["session_id"] != buy(user).json()["session_id"]
    assert Purchase.objects.count() == 2


def test_allowed_addresses_are_where_stripe_sends_the_buyer(
    user: User, sandbox: Sandbox, settings: Any
) -> None:
    settings.CHECKOUT_RETURN_HOSTS = ["app.example.org"]
    urls = {
        "success_url": "http://app.example.org/paid?session={CHECKOUT_SESSION_ID}",
        "cancel_url": f"{settings.SITE_URL}/back",
    }
    assert buy(user, {**ORDER, **urls}).status_code == 201

    (session,) = sandbox.objects("checkout.session")
    assert {name: session[name] for name in urls} == urls


@pytest.mark.parametrize("blank", [{}, {"success_url": "", "cancel_url": ""}])
def test_without_addresses_the_buyer_comes_back_to_the_site(
    user: User, sandbox: Sandbox, settings: Any, blank: dict[str, str]
) -> None:
    assert buy(user, {**ORDER, **blank}).status_code == 201

    (session,) = sandbox.objects("checkout.session")
    assert session["success_url"] == f"{settings.SITE_URL}/credits/success?session_id={{CHECKOUT_SESSION_ID}}"
    assert session["cancel_url"] == f"{settings.SITE_URL}/credits/?checkout=cancelled"


# --- Idempotency --------------------------------------------------------------------------------------------------


def test_the_same_key_and_body_give_the_same_session(user: User, sandbox: Sandbox) -> None:
    first, repeat = buy(user, Idempotency_Key="order-1"), buy(user, Idempotency_Key="order-1")

    assert (repeat.status_code, repeat.json()) == (201, first.json())
    assert Purchase.objects.count() == 1
    assert len(sandbox.objects("checkout.session")) == 1
    assert len(stripe_posts(sandbox, SESSIONS)) == 1


def test_the_same_key_gives_the_same_session_after_the_package_went_off_sale(user: User) -> None:
    first = buy(user, Idempotency_Key="order-1")
    Package.objects.update(is_active=False)

    assert buy(user, Idempotency_Key="order-1").json() == first.json()


@pytest.mark.parametrize("other", [{"package_code": "pro"}, {**ORDER, "cancel_url": "here"}])
def test_the_same_key_with_another_body_is_a_422(
    user: User, sandbox: Sandbox, settings: Any, other: dict[str, str]
) -> None:
    buy(user, Idempotency_Key="order-1")
    body = {name: f"{settings.SITE_URL}/here" if value == "here" else value for name, value in other.items()}

    assert_problem(buy(user, body, Idempotency_Key="order-1"), 422, "idempotency_key_reused")
    assert Purchase.objects.count() == 1
    assert len(stripe_posts(sandbox, SESSIONS)) == 1


def test_another_users_key_is_another_key(user: User, sandbox: Sandbox) -> None:
    mine, theirs = buy(user, Idempotency_Key="order-1"), buy(UserFactory(), Idempotency_Key="order-1")

    assert mine.json()["session_id"] != theirs.json()["session_id"]
    assert [purchase.user_id for purchase in Purchase.objects.all()].count(user.pk) == 1


def test_a_key_of_full_length_is_taken(user: User) -> None:
    assert buy(user, Idempotency_Key="x" * 255).status_code == 201


def test_a_repeat_while_the_first_waits_for_stripe_is_a_409(sandbox: Sandbox, live_server: Any) -> None:
    sandbox.fault(method="POST", path=SESSIONS, delay_ms=1500, times=1)
    client = TokenClient(live_server.url, sandbox)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(client.post, "purchase", ORDER, Idempotency_Key="order-1")
        wait_until_started()
        repeat = client.post("purchase", ORDER, Idempotency_Key="order-1")

    assert_problem(repeat, 409, "purchase_in_progress")
    assert first.result().status_code == 201
    settled = client.post("purchase", ORDER, Idempotency_Key="order-1")
    assert settled.json() == first.result().json()
    assert Purchase.objects.count() == len(sandbox.objects("checkout.session")) == 1


def wait_until_started() -> None:
    pause = threading.Event()
    for _ in range(200):
        if Purchase.objects.exists():
            return
        pause.wait(0.02)
    pytest.fail("the purchase was never started")


def race(client: TokenClient, *keys: str) -> list[Any]:
    """The answers to one order for each key, all sent at the same moment."""
    gate = threading.Barrier(len(keys))

    def send(key: str) -> Any:
        gate.wait()
        return client.post("purchase", ORDER, Idempotency_Key=key)

    client.get("balance")  # the user is known by now
    with ThreadPoolExecutor(len(keys)) as pool:
        return list(pool.map(send, keys))


def test_the_same_key_sent_at_once_makes_one_purchase_and_one_session(
    sandbox: Sandbox, live_server: Any
) -> None:
    answers = race(TokenClient(live_server.url, sandbox), *["order-1"] * 6)

    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.text for answer in answers if answer.status_code == 201}) == 1
    assert Purchase.objects.count() == len(sandbox.objects("checkout.session")) == 1
    assert len(stripe_posts(sandbox, SESSIONS)) == 1


def test_different_keys_sent_at_once_make_a_purchase_each(sandbox: Sandbox, live_server: Any) -> None:
    # What the race above would make without the key.
    answers = race(TokenClient(live_server.url, sandbox), *[f"order-{number}" for number in range(6)])

    assert [answer.status_code for answer in answers] == [201] * 6
    assert Purchase.objects.count() == len(sandbox.objects("checkout.session")) == 6


# --- When Stripe fails --------------------------------------------------------------------------------------------

FAILURES = {
    "500": ({"status": 500}, "stripe_unavailable", 0),
    "503": ({"status": 503}, "stripe_unavailable", 0),
    "429": ({"status": 429}, "stripe_unavailable", 0),
    "400": ({"status": 400}, "stripe_refused", 0),
    "401": ({"status": 401}, "stripe_refused", 0),
    "a broken connection": ({"status": None}, "stripe_unavailable", 0),
    "silence": ({"delay_ms": 1500}, "stripe_unavailable", 1),
    "a lost answer": ({"status": None, "after": True}, "stripe_unavailable", 1),
    "an error after the work": ({"status": 500, "after": True}, "stripe_unavailable", 1),
}


@pytest.mark.parametrize(("fault", "code", "opened"), FAILURES.values(), ids=FAILURES.keys())
def test_without_stripes_answer_it_is_a_502_and_nothing_is_charged(
    user: User, sandbox: Sandbox, settings: Any, fault: dict[str, Any], code: str, opened: int
) -> None:
    settings.STRIPE_TIMEOUT_SECONDS = 0.7
    sandbox.fault(method="POST", path=SESSIONS, times=1, **fault)
    answer = buy(user)

    problem = assert_problem(answer, 502, code)
    assert "url" not in problem
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.failure_code, purchase.checkout_url) == ("failed", code, "")
    assert [event.what for event in purchase.events.all()] == ["started", "checkout_not_opened"]
    if "delay_ms" in fault:
        threading.Event().wait(1.0)  # Stripe is still at work
    assert len(sandbox.objects("checkout.session")) == opened
    assert sandbox.objects("charge") == []
    assert Entry.objects.count() == 0


def test_a_key_whose_first_request_failed_is_a_502_again_and_calls_nobody(
    user: User, sandbox: Sandbox
) -> None:
    sandbox.fault(method="POST", path=SESSIONS, status=500, times=1)
    buy(user, Idempotency_Key="order-1")
    again = buy(user, Idempotency_Key="order-1")

    problem = assert_problem(again, 502, "stripe_unavailable")
    assert "new key" in problem["detail"]
    assert len(stripe_posts(sandbox, SESSIONS)) == 1
    assert buy(user, Idempotency_Key="order-2").status_code == 201


def test_a_payment_on_a_checkout_whose_answer_was_lost_is_still_credited(
    user: User, sandbox: Sandbox
) -> None:
    sandbox.fault(method="POST", path=SESSIONS, status=None, after=True, times=1)
    assert buy(user).status_code == 502
    (session,) = sandbox.objects("checkout.session")
    sandbox.pay(session["id"])
    sandbox.wait_for_webhooks()

    assert Purchase.objects.get().status == "completed"
    assert Entry.objects.get().amount == 5000


def test_too_many_orders_are_a_429_that_says_when_to_come_back(
    user: User, sandbox: Sandbox, settings: Any
) -> None:
    settings.PURCHASE_RATE = (2, 60)
    answers = [buy(user) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert_problem(answers[2], 429, "throttled")
    assert 0 < int(answers[2]["Retry-After"]) <= 60
    assert buy(UserFactory()).status_code == 201  # each buyer has a limit of his own
    assert Purchase.objects.count() == 3


# --- Currencies ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("currency", "minor"), [("jpy", 4500), ("kwd", 4500), ("eur", 4500), ("isk", 4500)])
def test_stripe_is_asked_for_the_price_in_the_currencys_smallest_unit(
    user: User, sandbox: Sandbox, currency: str, minor: int
) -> None:
    PackageFactory(code="special", price_minor=minor, currency=currency)
    assert buy(user, {"package_code": "special"}).status_code == 201

    (session,) = sandbox.objects("checkout.session")
    assert (session["amount_total"], session["currency"]) == (minor, currency)
    purchase = Purchase.objects.get()
    assert (purchase.price_minor, purchase.currency) == (minor, currency)
