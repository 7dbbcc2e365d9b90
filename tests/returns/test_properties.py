"""Whatever happens to a payment, in whatever order it is reported: credits follow the money, and the books are whole.

Hypothesis draws what buyers, staff, banks, Stripe's dashboard and its deliveries do. What went back is asked of the
local Stripe, never of our own tables.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
import stripe
from django.db import ProgrammingError
from django.db.models import Sum
from django.utils import timezone
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from billing.daily_figures import bring_figures_up_to_date
from billing.errors import BillingError
from billing.inbox import reapply_events
from billing.models import Dispute, InboxEvent, Purchase, Refund
from billing.reconciliation import sweep_open_purchases
from billing.returns import credits_for
from credits import ledger
from credits.errors import InsufficientCredits
from credits.models import Account, Entry, Lot
from credits.proof import find_violations
from tests.billing.database_faults import RETURNS, fail_next_commit, failing_commits
from tests.billing.reporting import reconcile
from tests.builders import UserFactory, put_on_sale, start
from tests.conftest import empty_tables
from tests.credits.builders import let_lot_expire
from tests.figures.plain_count import differing
from tests.local_world import Sandbox
from tests.returns.asking import refund, refund_in_dashboard

HOUR = datetime.timedelta(hours=1)
POLICIES = list(Refund.Policy)


class World:
    """Two buyers with a purchase each, paid but not reported. ``number`` picks a purchase and the details."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        sandbox.post("/_sandbox/reset")
        sandbox.hold_webhooks()
        put_on_sale()
        self.spent = 0
        for user in UserFactory.create_batch(2):
            sandbox.pay(start(user, "standard").session_id)

    # --- here

    def spend(self, number: int) -> None:
        self.spent += 1
        with suppress(InsufficientCredits):
            ledger.spend(
                self._purchase(number).account_id, Decimal(700 * number + 1), key=f"job {self.spent}"
            )

    def let_expire(self, number: int) -> None:
        lot = Lot.objects.filter(reference=str(self._purchase(number).pk)).first()
        if lot:
            let_lot_expire(lot.pk)
            ledger.expire_lots(lot.account_id)

    def be_counted(self, number: int) -> None:
        assert bring_figures_up_to_date()

    def refund_a_part(self, number: int) -> None:
        with suppress(BillingError, ProgrammingError):
            refund(self._purchase(number), 700 * number + 1, policy=POLICIES[number % 3])

    def refund_the_rest(self, number: int) -> None:
        purchase = self._purchase(number)
        with suppress(BillingError, ProgrammingError):
            refund(purchase, purchase.refundable.minor, policy=POLICIES[number % 3])

    def refund_and_lose_the_answer(self, number: int) -> None:
        for _ in range(5):
            self.sandbox.fault(method="POST", path="/v1/refunds", status=None, after=number % 2 == 0)
        self.refund_a_part(number)
        self.sandbox.delete("/_sandbox/faults")

    def sweep(self, number: int) -> None:
        with suppress(ProgrammingError):
            sweep_open_purchases()

    def reconcile(self, number: int) -> None:
        with suppress(ProgrammingError):
            reconcile(timezone.now() - HOUR, timezone.now() + HOUR)

    def buy_again(self, number: int) -> None:
        user = self._purchase(number).user
        assert user is not None
        self.sandbox.pay(start(user, "starter").session_id)

    def lose_power(self, number: int) -> None:
        """The next commit that writes a refund or a dispute fails, wherever it happens."""
        fail_next_commit()

    # --- at Stripe

    def refund_at_stripe(self, number: int) -> None:
        with suppress(stripe.InvalidRequestError):
            refund_in_dashboard(self._paid(number), 600 * number + 1)

    def fail_a_refund(self, number: int) -> None:
        standing = [row for row in self.sandbox.objects("refund") if row["status"] == "succeeded"]
        if standing:
            self.sandbox.fail_refund(standing[number % len(standing)]["id"])

    def dispute(self, number: int) -> None:
        charges = [row for row in self.sandbox.objects("charge") if row["paid"] and not row["disputed"]]
        if charges:
            self.sandbox.dispute(charges[number % len(charges)]["id"], inquiry=number % 3 == 0)

    def decide(self, number: int) -> None:
        open_ones = [
            row for row in self.sandbox.objects("dispute") if row["status"].endswith("needs_response")
        ]
        if open_ones:
            chosen = open_ones[number % len(open_ones)]
            inquiry = chosen["status"].startswith("warning")
            self.sandbox.close_dispute(
                chosen["id"], "warning_closed" if inquiry else ["won", "lost"][number % 2]
            )

    # --- on the way

    def deliver(self, number: int) -> None:
        self.sandbox.release_webhooks(
            order=["fifo", "reverse", "shuffle"][number % 3], seed=number, copies=1 + number % 2
        )

    def deliver_at_once(self, number: int) -> None:
        self.sandbox.release_webhooks(order="shuffle", seed=number, copies=2, concurrency=4)

    def deliver_again(self, number: int) -> None:
        self.sandbox.release_webhooks(order="shuffle", seed=number, replay=True)

    def deliver_what_goes_back(self, number: int) -> None:
        """Refunds and disputes before the payment that they are about."""
        types = ["refund.created", "refund.failed", "charge.dispute.created", "charge.dispute.closed"]
        self.sandbox.release_webhooks(types=types, order="reverse")

    def drop(self, number: int) -> None:
        self.sandbox.post("/_sandbox/webhooks/drop")

    # --- what must hold

    def check(self) -> None:
        assert list(find_violations()) == []
        for purchase in Purchase.objects.all():
            back = purchase.credits_taken_back + purchase.credits_owed
            assert 0 <= back <= purchase.credits_asked_back <= purchase.credits
            assert purchase.refunded_minor <= purchase.paid.minor
            booked = Entry.objects.filter(
                account=purchase.account_id, reference=str(purchase.pk), kind__in=["refund", "dispute"]
            )
            assert (booked.aggregate(sum=Sum("amount"))["sum"] or 0) == -back
        assert self._money_back("refund", Refund.STANDING, {}) <= self._paid_at_stripe()

    def come_to_rest(self) -> None:
        for _ in range(2):
            self.deliver(0)
            self.sweep(0)
            self.reconcile(0)
        # Of an event that failed and then was lost on its way, staff are told; the button applies it again.
        failed = InboxEvent.objects.filter(status="failed")
        assert all(again.error is None for again in reapply_events([event.pk for event in failed]))

    def check_rest(self) -> None:
        self.check()
        assert not InboxEvent.objects.filter(status="failed").exists()
        assert not Refund.objects.filter(status="requested").exists()
        for purchase in Purchase.objects.exclude(completed_at=None):
            payment = {"payment_intent": purchase.stripe_payment_intent_id}
            refunded = self._money_back("refund", Refund.STANDING, payment)
            disputed = self._money_back("dispute", Dispute.STANDING, payment)
            assert purchase.refunded_minor == refunded
            assert purchase.credits_asked_back == credits_for(purchase, refunded + disputed)
            assert (purchase.status == "disputed") == (disputed > 0)
        for account in Account.objects.all():
            gone = account.entries.filter(kind__in=["spend", "expiry"])
            spent = gone.aggregate(sum=Sum("amount"))["sum"] or 0
            bought = account.purchases.exclude(completed_at=None)
            kept = sum(p.credits - p.credits_taken_back - p.credits_owed for p in bought)
            assert account.balance == kept + spent
        self.be_counted(0)
        assert differing() == []

    def _money_back(self, kind: str, standing: tuple[str, ...], payment: dict[str, Any]) -> int:
        rows = self.sandbox.objects(kind)
        return sum(
            row["amount"] for row in rows if row["status"] in standing and payment.items() <= row.items()
        )

    def _paid_at_stripe(self) -> int:
        return sum(row["amount"] for row in self.sandbox.objects("charge") if row["paid"])

    def _purchase(self, number: int) -> Purchase:
        purchases = list(Purchase.objects.order_by("created_at"))
        return purchases[number % len(purchases)]

    def _paid(self, number: int) -> Purchase:
        """As Stripe knows it, reported or not."""
        intents = self.sandbox.objects("payment_intent")
        return Purchase(stripe_payment_intent_id=intents[number % len(intents)]["id"])


HIDDEN = {"come_to_rest", "check", "check_rest"}
STEPS: dict[str, Callable[[World, int], None]] = {
    name: step for name, step in vars(World).items() if not name.startswith("_") and name not in HIDDEN
}
LIKELY = ["deliver", "refund_a_part", "refund_at_stripe", "dispute", "decide", "spend"]
STORIES = st.lists(
    st.tuples(st.sampled_from([*sorted(STEPS), *LIKELY]), st.integers(0, 5)), min_size=4, max_size=14
)


@pytest.fixture(autouse=True)
def _sweep_at_once(settings: Any) -> None:
    settings.SWEEP_AFTER = datetime.timedelta(0)


@pytest.mark.django_db(transaction=True)
@settings(
    max_examples=int(os.environ.get("STORIES", "20")),
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@example(
    [("refund_at_stripe", 2), ("dispute", 1), ("deliver_what_goes_back", 0), ("decide", 0), ("deliver", 2)]
)
@example(
    [("deliver", 0), ("refund_and_lose_the_answer", 5), ("refund_at_stripe", 3), ("deliver", 0), ("sweep", 0)]
)
@example([("deliver", 0), ("spend", 3), ("refund_the_rest", 1), ("fail_a_refund", 0), ("deliver", 1)])
@example(
    [("deliver", 0), ("refund_and_lose_the_answer", 2), ("drop", 0), ("sweep", 0), ("refund_the_rest", 0)]
)
@given(story=STORIES)
def test_credits_follow_the_money(sandbox: Sandbox, story: list[tuple[str, int]]) -> None:
    empty_tables()
    with failing_commits(times=0, of=RETURNS):
        world = World(sandbox)
        for name, number in story:
            STEPS[name](world, number)
            world.check()
    world.come_to_rest()
    world.check_rest()
