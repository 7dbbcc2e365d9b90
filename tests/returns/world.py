"""Two buyers, a friend, staff, banks and Stripe: what may happen to payments and to the credits that they bought.

Each public method of a `World` is a step; ``number`` picks of whom, of what and how much.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any, Literal

import stripe
from django.db import ProgrammingError
from django.utils import timezone

from accounts.models import User
from billing.errors import BillingError
from billing.inbox.models import InboxEvent
from billing.packages.models import Package
from billing.purchases.models import Purchase
from billing.reconciliation.comparing import sweep_open_purchases
from billing.refunds.models import Refund
from billing.refunds.refundable import left_to_refund
from billing.reporting.daily_figures import bring_figures_up_to_date
from billing.webhooks.receiving import reapply_events
from credits.adjustments import adjusting as adjustments
from credits.adjustments import undoing
from credits.adjustments.models import Adjustment
from credits.errors import LedgerError
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Hold, Lot
from tests.billing.calling import made_up_event
from tests.billing.database_faults import fail_next_commit
from tests.billing.reporting import reconcile
from tests.credits.adjusting import make_staff, terms
from tests.credits.builders import let_lot_expire
from tests.returns.asking import refund, refund_in_dashboard
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

HOUR = datetime.timedelta(hours=1)
POLICIES = list(Refund.Policy)
RETURNED = ["refund.created", "refund.failed", "charge.dispute.created", "charge.dispute.closed"]
DECLINED = "4000000000000002"
DISPUTED_AT_ONCE = "4000000000000259"


class World:
    """At first a purchase of each buyer is paid and not reported. ``packages`` are facts of all packages on sale."""

    def __init__(self, sandbox: Sandbox, **packages: int) -> None:
        self.sandbox = sandbox
        sandbox.post("/_sandbox/reset")
        sandbox.set_account(exchange_rates={"eur": 1.08})
        sandbox.hold_webhooks()
        put_on_sale()
        Package.objects.update(**packages)
        self.done = 0
        self.staff = make_staff()
        self.buyers: list[User] = UserFactory.create_batch(2)
        self.friend = ledger.open_account(UserFactory.create())
        for user in self.buyers:
            sandbox.pay(start(user, "standard").session_id)

    # --- What buyers and services do with credits

    def spend(self, number: int) -> None:
        with suppress(LedgerError):
            ledger.spend(self._account(number).pk, Decimal(700 * number + 1), key=self._key())

    def hold(self, number: int) -> None:
        with suppress(LedgerError):
            overrun: Literal["debt", "refuse"] = "debt" if number % 3 == 0 else "refuse"
            ledger.hold(
                self._account(number).pk,
                Decimal(900 * number + 1),
                key=self._key(),
                expires_in=HOUR,
                overrun=overrun,
            )

    def capture(self, number: int) -> None:
        hold = self._open_hold(number)
        if hold:
            with suppress(LedgerError):
                amount = hold.remaining * number / 4 + 1
                ledger.capture(
                    hold.account_id, hold.pk, amount.quantize(Decimal("0.000001")), key=self._key()
                )

    def release(self, number: int) -> None:
        hold = self._open_hold(number)
        if hold:
            ledger.release(hold.account_id, hold.pk)

    def let_a_hold_run_out(self, number: int) -> None:
        for hold in Hold.objects.filter(status="open")[number % 2 : number % 2 + 1]:
            Hold.objects.filter(pk=hold.pk).update(expires_at=timezone.now())
        if number % 3:
            ledger.expire_holds()

    def give(self, number: int) -> None:
        self._give(self._account(number), self.friend, 800 * number + 1)

    def give_back(self, number: int) -> None:
        self._give(self.friend, self._account(number), 600 * number + 1)

    def give_each_other(self, number: int) -> None:
        self._give(self._account(number), self._account(number + 1), 500 * number + 1)

    def let_expire(self, number: int) -> None:
        lots = list(Lot.objects.filter(remaining__gt=0).order_by("id"))
        if lots:
            let_lot_expire(lots[number % len(lots)].pk)
        if number % 2:
            ledger.expire_lots(self._account(number).pk)

    # --- What staff do

    def adjust(self, number: int) -> None:
        with suppress(LedgerError):
            adjustments.ask(self._account(number).pk, terms((number - 2) * 300 + 1), self.staff)

    def undo(self, number: int) -> None:
        booked = list(Adjustment.objects.filter(status="booked", undoes=None).order_by("asked_at"))
        if booked:
            with suppress(LedgerError):
                undoing.undo_adjustment(booked[number % len(booked)].pk, "Mistaken", self._key(), self.staff)

    def refund_a_part(self, number: int) -> None:
        with suppress(BillingError, ProgrammingError):
            refund(self._purchase(number), 700 * number + 1, policy=POLICIES[number % 3])

    def refund_the_rest(self, number: int) -> None:
        purchase = self._purchase(number)
        with suppress(BillingError, ProgrammingError):
            refund(purchase, left_to_refund(purchase).minor, policy=POLICIES[number % 3])

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

    def lose_power(self, number: int) -> None:
        """The next commit that writes a refund or a dispute fails, wherever it happens."""
        fail_next_commit()

    def be_counted(self, number: int) -> None:
        bring_figures_up_to_date()

    # --- What happens at Stripe

    def buy_again(self, number: int) -> None:
        """With a card whose payments are disputed at once, now and then; or by a bank debit; or only tried."""
        session = start(self.buyers[number % 2], "starter").session_id
        if number == 5:
            self.sandbox.pay_later(session)
            return
        if number == 4:
            self.sandbox.pay(session, DECLINED)
        self.sandbox.pay(session, DISPUTED_AT_ONCE if number == 3 else "4242424242424242")

    def settle(self, number: int) -> None:
        waiting = [
            row for row in self.sandbox.objects("checkout.session") if row["payment_status"] == "unpaid"
        ]
        for row in waiting:
            if row["status"] == "complete":
                (self.sandbox.settle if number % 2 else self.sandbox.fail)(row["id"])

    def pay_again(self, number: int) -> None:
        """A second payment of the same purchase."""
        paid = [row for row in self.sandbox.objects("checkout.session") if row["payment_status"] == "paid"]
        self.sandbox.pay_again(paid[number % len(paid)]["id"])

    def refund_at_stripe(self, number: int) -> None:
        with suppress(stripe.InvalidRequestError):
            intents = self.sandbox.objects("payment_intent")
            refund_in_dashboard(intents[number % len(intents)]["id"], 600 * number + 1)

    def fail_a_refund(self, number: int) -> None:
        standing = [row for row in self.sandbox.objects("refund") if row["status"] == "succeeded"]
        if standing:
            self.sandbox.fail_refund(standing[number % len(standing)]["id"])

    def dispute(self, number: int) -> None:
        charges = [row for row in self.sandbox.objects("charge") if row["paid"] and not row["disputed"]]
        if charges:
            how = {"currency": "eur", "amount": 1000} if number == 4 else {}
            self.sandbox.dispute(charges[number % len(charges)]["id"], inquiry=number % 3 == 0, **how)

    def decide(self, number: int) -> None:
        open_ones = [
            row for row in self.sandbox.objects("dispute") if row["status"].endswith("needs_response")
        ]
        if open_ones:
            chosen = open_ones[number % len(open_ones)]
            inquiry = chosen["status"].startswith("warning")
            end = "warning_closed" if inquiry else ["won", "lost"][number % 2]
            self.sandbox.close_dispute(chosen["id"], end)

    def sell_something_else(self, number: int) -> None:
        """Another product on the same Stripe account takes a payment, and may be disputed."""
        paid = self.sandbox.pay_outright(5000 + number, intent=number % 2 == 0)
        if number % 3:
            self.sandbox.dispute(paid["charge"]["id"])

    def be_odd(self, number: int) -> None:
        """Stripe sends what nobody can make anything of, or what is not ours."""
        event = made_up_event(
            "refund.updated", {"object": "refund", "id": f"re_odd_{self.done}"}, self._key()
        )
        odd: list[Any] = [
            {**event, "livemode": True},
            {**event, "account": "acct_another"},
            {**event, "data": {"object": {"object": "refund", "id": "re_1", "status": None, "amount": 0}}},
            {**event, "id": "evt_" + "9" * 290},
            {"object": "event", "id": f"evt_{self._key()}"},
        ]
        answer = (
            self.sandbox.send_event(odd[number])
            if number < len(odd)
            else self.sandbox.send_bytes(b'{"object": "event", "id": 1e400}')
        )
        assert answer["status"] == 200

    # --- What happens on the way

    def deliver(self, number: int) -> None:
        order = ["fifo", "reverse", "shuffle"][number % 3]
        self.sandbox.release_webhooks(order=order, seed=number, copies=1 + number % 2)

    def deliver_at_once(self, number: int) -> None:
        self.sandbox.release_webhooks(order="shuffle", seed=number, copies=2, concurrency=4)

    def deliver_again(self, number: int) -> None:
        self.sandbox.release_webhooks(order="shuffle", seed=number, replay=True)

    def deliver_what_goes_back(self, number: int) -> None:
        """Refunds and disputes before the payment that they are about."""
        self.sandbox.release_webhooks(types=RETURNED, order="reverse")

    def drop(self, number: int) -> None:
        self.sandbox.post("/_sandbox/webhooks/drop")

    # --- The end

    def come_to_rest(self) -> None:
        for _ in range(2):
            self.deliver(0)
            self.sweep(0)
            self.reconcile(0)
        # Of an event that failed and then was lost on its way, staff are told; the button applies it again.
        failed = InboxEvent.objects.filter(status="failed")
        assert all(again.error is None for again in reapply_events([event.pk for event in failed]))

    def _give(self, giver: Account, receiver: Account, amount: int) -> None:
        with suppress(LedgerError):
            ledger.transfer(giver.pk, receiver.pk, Decimal(amount), key=self._key())

    def _key(self) -> str:
        self.done += 1
        return f"step {self.done}"

    def _account(self, number: int) -> Account:
        return ledger.open_account(self.buyers[number % 2])

    def _purchase(self, number: int) -> Purchase:
        purchases = list(Purchase.objects.order_by("created_at"))
        return purchases[number % len(purchases)]

    def _open_hold(self, number: int) -> Hold | None:
        holds = list(Hold.objects.filter(status="open").order_by("created_at"))
        return holds[number % len(holds)] if holds else None


STEPS: dict[str, Callable[[World, int], None]] = {
    name: step for name, step in vars(World).items() if not name.startswith("_") and name != "come_to_rest"
}
