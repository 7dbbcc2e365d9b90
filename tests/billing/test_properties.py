"""Whatever happens, in whatever order: the books are right after each step, and complete after the last.

Hypothesis draws what buyers, banks, Stripe's deliveries, our own jobs, staff and bad luck do, several purchases and
buyers at a time. What is true is asked of the local Stripe, never of our own tables: a purchase is paid when its
session is.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import requests
from django.db import ProgrammingError
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from accounts.models import User
from billing.checkout.repair import rerun_fulfilment
from billing.checkout.success import confirm_session
from billing.errors import BillingError
from billing.inbox.models import InboxEvent
from billing.provider.errors import StripeUnavailable
from billing.provider.interface import CheckoutRequest
from billing.purchases.models import Purchase, PurchaseEvent
from billing.reconciliation.comparing import sweep_open_purchases
from billing.stripe import gateway as stripe_gateway
from tests.billing.books import check_books, check_settled_books
from tests.billing.database_faults import fail_next_commit, failing_commits
from tests.billing.reporting import reconcile
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.effort import effort
from tests.support.emptying import empty_tables
from tests.support.sandbox import Sandbox

Status = Purchase.Status
HOUR = datetime.timedelta(hours=1)
PACKS = ["starter", "standard", "pro"]
CARDS = {"pay": "4242424242424242", "pay_3ds": "4000002500003155", "decline": "4000000000000002"}


class Killed(BaseException):
    """The process ends here: nothing of ours catches it."""


class World:
    """Two buyers, a shop, the local Stripe. Each public method is a step; ``number`` picks a purchase or a buyer."""

    def __init__(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sandbox, self.monkeypatch = sandbox, monkeypatch
        sandbox.post("/_sandbox/reset")
        sandbox.hold_webhooks()
        put_on_sale()
        self.users: list[User] = UserFactory.create_batch(2)
        self.staff: User = UserFactory.create(is_staff=True)

    # --- buyers and banks

    def buy(self, number: int) -> None:
        with suppress(StripeUnavailable):
            start(self.users[number % 2], PACKS[number % 3], idempotency_key="")

    def buy_again(self, number: int) -> None:
        """The same order once more, as a double click or a client's retry sends it."""
        with suppress(BillingError):
            start(self.users[number % 2], PACKS[number % 3], idempotency_key=f"order-{number}")

    def buy_and_lose_the_answer(self, number: int) -> None:
        self.sandbox.fault(method="POST", path="/v1/checkout/sessions", status=None, after=True)
        self.buy(number)

    def buy_and_die(self, number: int) -> None:
        """The process dies after Stripe's answer, before it is recorded."""
        create = stripe_gateway.create_checkout_session

        def create_and_die(request: CheckoutRequest) -> None:
            create(request)
            raise Killed

        with self.monkeypatch.context() as until, suppress(Killed):
            until.setattr(stripe_gateway, "create_checkout_session", create_and_die)
            self.buy(number)

    def pay(self, number: int) -> None:
        self._at_stripe(number, "pay", {"card": CARDS["pay"]})

    def pay_3ds(self, number: int) -> None:
        self._at_stripe(number, "pay", {"card": CARDS["pay_3ds"]})

    def decline(self, number: int) -> None:
        self._at_stripe(number, "pay", {"card": CARDS["decline"]})

    def pay_later(self, number: int) -> None:
        self._at_stripe(number, "pay", {"method": "sepa_debit"})

    def settle(self, number: int) -> None:
        self._at_stripe(number, "settle")

    def fail(self, number: int) -> None:
        self._at_stripe(number, "fail")

    def expire(self, number: int) -> None:
        self._at_stripe(number, "expire")

    # --- deliveries

    def deliver(self, number: int) -> None:
        order = ["fifo", "reverse", "shuffle"][number % 3]
        self.sandbox.release_webhooks(order=order, seed=number, copies=1 + number % 2)

    def deliver_at_once(self, number: int) -> None:
        self.sandbox.release_webhooks(order="shuffle", seed=number, copies=2, concurrency=4)

    def deliver_some(self, number: int) -> None:
        """One family of events; the rest stays on its way."""
        family = ["checkout.session.completed", "payment_intent.succeeded", "payment_intent.payment_failed"]
        self.sandbox.release_webhooks(types=[family[number % 3]])

    def deliver_again(self, number: int) -> None:
        self.sandbox.release_webhooks(order="shuffle", seed=number, replay=True)

    def drop(self, number: int) -> None:
        """What is on its way never arrives."""
        self.sandbox.post("/_sandbox/webhooks/drop")

    # --- ourselves

    def reload(self, number: int) -> None:
        session = self._session(number)
        purchase = Purchase.objects.filter(stripe_session_id=session["id"]).first() if session else None
        if session is None or purchase is None or purchase.user is None:
            return
        client = Client()
        client.force_login(purchase.user)
        with suppress(ProgrammingError):  # our commit failed: an error page, and the buyer reloads
            assert client.get("/credits/success", {"session_id": session["id"]}).status_code == 200

    def look_at_a_strangers_page(self, number: int) -> None:
        session = self._session(number)
        if session is not None:
            with suppress(BillingError):
                confirm_session(self.staff, session["id"], PurchaseEvent.Source.API)

    def sweep(self, number: int) -> None:
        with suppress(ProgrammingError):
            sweep_open_purchases()

    def reconcile(self, number: int) -> None:
        with suppress(ProgrammingError, StripeUnavailable):
            reconcile(timezone.now() - HOUR, timezone.now() + HOUR)

    def rerun(self, number: int) -> None:
        purchases = list(Purchase.objects.order_by("created_at"))
        if purchases:
            with suppress(BillingError, ProgrammingError):
                rerun_fulfilment(purchases[number % len(purchases)].pk, self.staff.pk)

    # --- bad luck

    def crash(self, number: int) -> None:
        """The next commit that completes a purchase fails, wherever it happens."""
        fail_next_commit()

    def lose_stripe(self, number: int) -> None:
        """Stripe's next answer is an error, or no answer."""
        self.sandbox.fault(method="GET", path="/v1/checkout/sessions*", status=[503, 500, None][number % 3])

    def come_to_rest(self) -> None:
        """Time passes: all luck is good again, every delivery and every job gets its turn."""
        self.sandbox.delete("/_sandbox/faults")
        for _ in range(2):  # a crash that is still due hits the first
            self.deliver(0)
            self.sweep(0)
            self.reconcile(0)

    def check_rest(self) -> None:
        """Everything is settled, and each purchase stands where Stripe's session does."""
        check_settled_books(self.sandbox)
        assert not InboxEvent.objects.filter(status=InboxEvent.Status.FAILED).exists()
        for session in self.sandbox.objects("checkout.session"):
            purchase = Purchase.objects.get(pk=session["metadata"]["purchase_id"])
            assert purchase.attention == ""
            assert purchase.status in self._expected(session), (purchase.status, session)
            assert purchase.stripe_session_id == session["id"]

    def _expected(self, session: dict[str, Any]) -> set[Purchase.Status]:
        if session["status"] == "complete" and session["payment_status"] == "unpaid":
            intents = {intent["id"]: intent for intent in self.sandbox.objects("payment_intent")}
            waiting = intents[session["payment_intent"]]["status"] == "processing"
            # An answer that was lost stays failed here until the money is there: its buyer was notified.
            return {Status.PROCESSING, Status.FAILED} if waiting else {Status.FAILED}
        expected = {"open": {Status.PENDING}, "expired": {Status.EXPIRED, Status.FAILED}}
        return expected.get(session["status"], {Status.COMPLETED})

    def _session(self, number: int) -> dict[str, Any] | None:
        sessions = self.sandbox.objects("checkout.session")
        return sessions[number % len(sessions)] if sessions else None

    def _at_stripe(self, number: int, action: str, order: dict[str, Any] | None = None) -> None:
        """What the buyer or the bank does; nothing, where the session is not in the state for it (409)."""
        session = self._session(number)
        if session is None:
            return
        url = f"{self.sandbox.url}/_sandbox/checkout/sessions/{session['id']}/{action}"
        assert requests.post(url, json=order or {}, timeout=20).status_code in {200, 409}


STEPS: dict[str, Callable[[World, int], None]] = {
    name: step
    for name, step in vars(World).items()
    if not name.startswith("_") and name not in {"come_to_rest", "check_rest"}
}
# A purchase is needed before anything can happen, and money before anything can go wrong with it.
LIKELY = ["buy", "buy", "pay", "pay", "pay_later", "deliver"]
STORIES = st.lists(
    st.tuples(st.sampled_from([*sorted(STEPS), *LIKELY]), st.integers(0, 5)), min_size=4, max_size=12
)


@pytest.fixture(autouse=True)
def _sweep_at_once(settings: Any) -> None:
    settings.SWEEP_AFTER = datetime.timedelta(0)


@pytest.mark.django_db(transaction=True)
@settings(
    max_examples=effort(8, 200),
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@example(
    [
        ("buy", 0),
        ("pay", 0),
        ("crash", 0),
        ("deliver_at_once", 1),
        ("reload", 0),
        ("sweep", 0),
        ("deliver", 2),
    ]
)
@example([("buy_and_lose_the_answer", 1), ("pay", 0), ("deliver_some", 1), ("drop", 0), ("deliver_again", 0)])
@example([("buy_and_die", 2), ("pay_later", 0), ("deliver", 1), ("settle", 0), ("drop", 0), ("sweep", 0)])
@example(
    [("buy", 0), ("decline", 0), ("pay_later", 0), ("fail", 0), ("deliver", 1), ("pay", 0), ("rerun", 0)]
)
@example([("buy_and_lose_the_answer", 0), ("decline", 0), ("buy", 0), ("buy", 0)])
@example([("buy", 0), ("buy_and_lose_the_answer", 0), ("pay_later", 1), ("deliver", 0)])
@given(story=STORIES)
def test_the_books_are_right_after_every_step_and_complete_in_the_end(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, story: list[tuple[str, int]]
) -> None:
    empty_tables()
    world = World(sandbox, monkeypatch)
    with failing_commits(times=0):
        for name, number in story:
            STEPS[name](world, number)
            check_books(sandbox)
        world.come_to_rest()
        world.check_rest()


@pytest.mark.parametrize("only", ["deliver", "sweep", "reconcile"])
@pytest.mark.django_db(transaction=True)
def test_each_of_the_three_alone_brings_every_purchase_to_its_end(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, only: str
) -> None:
    world = World(sandbox, monkeypatch)
    for number in range(6):
        world.buy(number)
    for number, step in enumerate([world.pay, world.pay_3ds, world.pay_later, world.pay_later, world.expire]):
        step(number)
    world.settle(2)
    world.fail(3)
    if only != "deliver":
        world.drop(0)
    STEPS[only](world, 0)
    world.check_rest()
    assert sorted(Purchase.objects.values_list("status", flat=True)) == [
        *["completed"] * 3,
        "expired",
        "failed",
        "pending",
    ]
