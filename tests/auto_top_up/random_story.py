"""A random story of an automatic top-up: one charge for a crossing, never above the limit, never without consent."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Sum
from django.utils import timezone

from accounts.models import User
from billing.auto_top_up import attempts
from billing.auto_top_up.attempts import top_up
from billing.auto_top_up.models import Attempt, AutoTopUp
from billing.auto_top_up.setting import try_again, turn_off
from billing.auto_top_up.watching import watch
from billing.customers.methods import default_method, remove_method
from billing.customers.models import Consent
from billing.purchases.models import Purchase
from billing.reconciliation.comparing import sweep_open_purchases
from billing.refunds.models import Refund
from billing.refunds.refunding import RefundOrder, refund_purchase
from core.errors import DomainError
from credits.ledger import operations as ledger
from credits.ledger.models import Account
from credits.proof.checking import find_violations
from tests.auto_top_up.saving import (
    ASKS_EACH_TIME,
    DECLINES,
    STOLEN,
    VISA,
    paid,
    replace_card,
    save_card,
    set_up,
)
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox

LIMIT = 80


class PowerCut(BaseException):
    """The process dies here."""


class Story:
    """A random story of one account. ``happened`` says how it went, for a failure's report."""

    def __init__(
        self, sandbox: Sandbox, seed: int, monkeypatch: pytest.MonkeyPatch, catalog: str = "standard"
    ) -> None:
        put_on_sale(catalog)
        self.sandbox, self.random, self.monkeypatch = sandbox, random.Random(seed), monkeypatch  # noqa: S311 - a repeatable story
        self.owner: User = UserFactory(email="ada@example.com")
        self.staff: User = UserFactory()
        self.account: Account = save_card(sandbox, self.owner)
        set_up(self.owner, self.account, threshold=1500, limit=LIMIT)
        self.happened: list[str] = []
        self.number = 0

    def acts(self) -> list[Callable[[], object]]:
        return [
            self.spend, self.spend, self.look, self.look, self.look, self.lose_answers, self.die, self.change_card,
            self.refund, self.dispute, self.opt_out, self.opt_in, self.go_on, self.wait, self.sweep, self.shuffle,
            self.remove_card,
        ]  # fmt: skip

    def step(self) -> None:
        act = self.random.choice(self.acts())
        self.happened.append(act.__name__)
        try:
            act()
        except DomainError as error:
            self.happened.append(f"({error.code})")

    def spend(self) -> None:
        self.number += 1
        self.account.refresh_from_db()
        amount = min(
            max(self.account.balance - self.account.held, Decimal(0)), Decimal(self.random.randint(1, 1500))
        )
        if amount:
            ledger.spend(self.account.pk, amount, key=f"job-{self.number}", reference="job")

    def look(self) -> None:
        watch()
        for row in AutoTopUp.objects.exclude(asked_at=None):
            for _ in range(self.random.randint(1, 2)):
                top_up(row.pk)

    def lose_answers(self) -> None:
        fault: dict[str, Any] = self.random.choice(
            [
                {"status": None, "after": True},
                {"status": None},
                {"status": 500, "after": True},
                {"status": 503},
            ]
        )
        self.sandbox.fault(method="POST", path="/v1/payment_intents", times=20, **fault)
        self.look()
        self.sandbox.delete("/_sandbox/faults")

    def die(self) -> None:
        """Between the commit and the charge, or between the charge and our record of it."""
        where = self.random.choice(["_charge", "settle"])

        def cut(*_: object) -> None:
            raise PowerCut

        with self.monkeypatch.context() as patch, suppress(PowerCut):
            patch.setattr(attempts, where, cut)
            self.look()

    def change_card(self) -> None:
        if default_method(self.account) is not None:
            replace_card(
                self.sandbox, self.account, self.random.choice([VISA, VISA, DECLINES, STOLEN, ASKS_EACH_TIME])
            )

    def remove_card(self) -> None:
        if self.random.random() < 0.3 and (card := default_method(self.account)):
            remove_method(self.account, card.pk)
            save_card(self.sandbox, self.owner)

    def refund(self) -> None:
        if (purchase := self._some_purchase()) is not None:
            reason, policy = Refund.Reason.REQUESTED_BY_CUSTOMER, Refund.Policy.CAP
            amount = self.random.choice([purchase.price_minor, 100])
            refund_purchase(
                purchase.pk, RefundOrder(amount, reason, policy, "", Refund.Origin.ADMIN, self.staff)
            )

    def dispute(self) -> None:
        if (
            self.random.random() < 0.3
            and (purchase := self._some_purchase()) is not None
            and purchase.payment
        ):
            self.sandbox.wait_for_webhooks()
            purchase.payment.refresh_from_db()
            if purchase.payment.stripe_charge_id:
                self.sandbox.dispute(purchase.payment.stripe_charge_id)

    def opt_out(self) -> None:
        if self.random.random() < 0.3:
            turn_off(self.owner, self.account)

    def opt_in(self) -> None:
        set_up(self.owner, self.account, threshold=self.random.choice([500, 1500, 3000]), limit=LIMIT)

    def go_on(self) -> None:
        try_again(self.owner, self.account)

    def wait(self) -> None:
        AutoTopUp.objects.exclude(retry_at=None).filter(limit_reached_in=None).update(retry_at=timezone.now())
        AutoTopUp.objects.exclude(asked_at=None).update(asked_at=timezone.now() - timedelta(minutes=6))

    def sweep(self) -> None:
        sweep_open_purchases()

    def shuffle(self) -> None:
        self.sandbox.hold_webhooks()
        self.spend()
        self.look()
        self.sandbox.release_webhooks(order="shuffle", seed=self.random.randint(0, 99), copies=2)
        self.sandbox.post("/_sandbox/webhooks/mode", {"mode": "deliver"})

    def _some_purchase(self) -> Purchase | None:
        bought = Purchase.objects.filter(top_up_attempt__isnull=False, status="completed")
        return bought.order_by("created_at").first()

    def check(self) -> None:
        every = Attempt.objects.select_related("purchase__consent")
        assert every.filter(outcome="open").count() <= 1
        counted = every.exclude(outcome="failed").aggregate(sum=Sum("amount_minor"))["sum"] or 0
        assert counted <= LIMIT * 100
        assert all(
            attempt.purchase.consent and attempt.purchase.consent.kind == Consent.Kind.AUTO_TOP_UP
            for attempt in every
        )
        taken = paid(self.sandbox)
        charged = [intent["metadata"]["purchase_id"] for intent in taken]
        assert len(charged) == len(set(charged)), "charged twice"
        assert sum(intent["amount"] for intent in taken) <= LIMIT * 100

    def go_through(self, steps: int) -> None:
        """Takes so many steps, checks after each, and ends; says how it went if that fails."""
        try:
            for _ in range(steps):
                self.step()
                self.check()
            self.end()
        except AssertionError:
            print(" ".join(self.happened))  # noqa: T201 - shown with the failure
            raise

    def end(self) -> None:
        """All that is under way ends; then what was taken is what was credited."""
        self.sandbox.delete("/_sandbox/faults")
        self.sandbox.wait_for_webhooks()
        self.wait()
        for attempt in Attempt.objects.filter(outcome="open"):
            top_up(attempt.auto_top_up_id)
        watch()
        taken = {intent["metadata"]["purchase_id"] for intent in paid(self.sandbox)}
        kept = {str(attempt.pk) for attempt in Attempt.objects.filter(outcome="succeeded")}
        assert taken == kept
        assert not Attempt.objects.filter(outcome="open").exists()
        assert list(find_violations()) == []
