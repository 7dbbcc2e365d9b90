"""Whatever happens to a plan, beside packs and top-ups: credits come with paid invoices, once, and touch no pack."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from io import StringIO
from typing import Any, cast

import pytest
import requests
from django.core.management import call_command
from django.utils import timezone

from billing.checkout.scheduled_grants import defer_due_grants, grant_scheduled
from billing.packages.catalog_sync import sync_package
from billing.plans.models import Plan
from billing.purchases.log import Source
from billing.purchases.models import Payment, Purchase, PurchaseEvent, ScheduledGrant
from billing.reconciliation.comparing import sweep_open_purchases
from billing.refunds.models import Dispute
from billing.subscriptions import invoices, syncing
from billing.subscriptions.changing import change_plan, set_ending
from billing.subscriptions.models import GrantedLine, Subscription, SubscriptionInvoice
from billing.subscriptions.selectors import alive_subscription
from billing.subscriptions.subscribing import subscribe
from credits.ledger.models import Entry, Lot
from tests.auto_top_up.random_story import PowerCut, Story
from tests.billing.syncing import at_stripe
from tests.subscriptions.story import DAY_S, sync, work
from tests.support.sandbox import Refused, Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
CARD = {"card_number": "4242424242424242", "expiry": "12 / 34", "cvc": "123"}
PER_CHARGE = {4000: 5000, 14_000: 20_000, 40_000: 60_000, 140_000: 240_000}


class PlanStory(Story):
    """A story in which the account also takes plans. Its sandbox's clock runs ahead of ours."""

    def __init__(
        self, sandbox: Sandbox, seed: int, monkeypatch: pytest.MonkeyPatch, settings: Any, interval: str
    ) -> None:
        self.settings = settings
        super().__init__(sandbox, seed, monkeypatch, "demo")
        if interval == "year":
            Plan.objects.filter(code="plus").update(interval="year", price_minor=40_000)
            Plan.objects.filter(code="max").update(interval="year", price_minor=140_000)
        for plan in Plan.objects.all():
            sync_package(plan)

    @property
    def plan(self) -> Subscription | None:
        return alive_subscription(self.account)

    def acts(self) -> list[Callable[[], object]]:
        return [
            *super().acts(), self.take_plan, self.take_plan, self.renew, self.renew, self.renew, self.pass_days,
            self.switch, self.switch, self.cancel, self.go_on_after_all, self.pay_what_is_due, self.miss_answers,
            self.die_granting, self.refund_plan, self.refund_plan, self.dispute_plan, self.decide, self.mix_up,
            self.look_again, self.let_months_come,
        ]  # fmt: skip

    def step(self) -> None:
        """A checkout that is opened by our clock can be paid by the sandbox's."""
        ahead = self.sandbox.get("/_sandbox/clock")["now"] - timezone.now().timestamp()
        self.settings.CHECKOUT_SESSION_LIFETIME = timedelta(hours=1, seconds=max(0, ahead))
        with suppress(Refused):
            super().step()

    def take_plan(self) -> None:
        started = subscribe(self.owner, self.account, self.random.choice(["plus", "max"]))
        if self.random.random() < 0.9:
            self.sandbox.pay(started.session_id)
        self._hear()

    def renew(self) -> None:
        if self.plan and self.plan.stripe_subscription_id:
            self.sandbox.renew(self.plan.stripe_subscription_id)
            self._hear()

    def pass_days(self) -> None:
        self.sandbox.advance(self.random.randint(1, 20) * DAY_S)
        self._hear()

    def switch(self) -> None:
        if self.plan and self.plan.stripe_subscription_id:
            change_plan(self.owner, self.plan, self.random.choice(["plus", "max"]))

    def cancel(self) -> None:
        if self.plan and self.plan.stripe_subscription_id and self.random.random() < 0.5:
            set_ending(self.owner, self.plan, ends=True)

    def go_on_after_all(self) -> None:
        if self.plan and self.plan.stripe_subscription_id:
            set_ending(self.owner, self.plan, ends=False)

    def pay_what_is_due(self) -> None:
        invoice = self.plan.open_invoice if self.plan else None
        if invoice is not None:
            requests.post(invoice.hosted_url, data=CARD, allow_redirects=False, timeout=10)
            self._hear()

    def miss_answers(self) -> None:
        """Stripe does what it is asked, or not, and we never hear of it."""
        after = self.random.choice([True, False])
        with self.faulty(method="POST", path="/v1/subscriptions", status=None, after=after):
            self.random.choice([self.switch, self.cancel, self.take_plan])()
        with self.faulty(method="GET", path="/v1/invoices", status=503):
            self.renew()

    @contextmanager
    def faulty(self, **fault: Any) -> Iterator[None]:
        self.sandbox.fault(times=20, **fault)
        try:
            yield
        finally:
            self.sandbox.delete("/_sandbox/faults")

    def die_granting(self) -> None:
        """Before the grant, after it but before the commit, or between two invoices."""
        module, name = self.random.choice(
            [(invoices, "allowances_of"), (invoices, "_grant"), (syncing, "take_over")]
        )
        known = getattr(module, name)

        def cut(*args: Any, **more: Any) -> None:
            known(*args, **more)
            raise PowerCut

        with self.monkeypatch.context() as patch:
            patch.setattr(module, name, cut)
            if self.plan and self.plan.stripe_subscription_id:
                self.sandbox.hold_webhooks()
                self.sandbox.renew(self.plan.stripe_subscription_id)
                with suppress(PowerCut):
                    sync(self.plan)
                self.sandbox.post("/_sandbox/webhooks/mode", {"mode": "deliver"})

    def refund_plan(self) -> None:
        payment = self._some_payment()
        if payment is not None:
            order = self.random.choice([{"amount": "100"}, {"amount": str(payment.amount_minor // 2)}, {}])
            charges = {each["payment_intent"]: each for each in self.sandbox.objects("charge")}
            if not charges[payment.stripe_payment_intent_id]["amount_refunded"]:
                at_stripe(self.sandbox, "refunds", payment_intent=payment.stripe_payment_intent_id, **order)
                self._hear()

    def dispute_plan(self) -> None:
        payment = self._some_payment()
        if payment is not None and payment.stripe_charge_id and self.random.random() < 0.5:
            self.sandbox.dispute(payment.stripe_charge_id)
            self._hear()

    def decide(self) -> None:
        dispute = Dispute.objects.filter(status="needs_response").order_by("pk").first()
        if dispute is not None:
            self.sandbox.close_dispute(dispute.stripe_dispute_id, self.random.choice(["won", "lost"]))
            self._hear()

    def mix_up(self) -> None:
        self.sandbox.hold_webhooks()
        self.random.choice([self.renew, self.take_plan, self.switch])()
        self.sandbox.release_webhooks(order="shuffle", seed=self.random.randint(0, 99), copies=2)
        self.sandbox.post("/_sandbox/webhooks/mode", {"mode": "deliver"})
        self._hear()

    def look_again(self) -> None:
        for row in Subscription.objects.exclude(status__in=Subscription.ENDED):
            sync(row)
        sweep_open_purchases()

    def let_months_come(self) -> None:
        later = timezone.now() + timedelta(days=self.random.choice([0, 40, 100, 400]))
        defer_due_grants(later)
        for purchase in Purchase.objects.filter(grants_count__gt=1):
            grant_scheduled(purchase.pk, Source(PurchaseEvent.Source.JOB), later)

    def _some_payment(self) -> Payment | None:
        bought = Payment.objects.exclude(purchase__stripe_invoice_id="").filter(
            purchase__status__in=["completed", "partially_refunded"], purchase__refunded_minor=0
        )
        return bought.order_by("created_at", "pk").last()

    def _hear(self) -> None:
        self.sandbox.wait_for_webhooks()
        if self.random.random() < 0.7:
            work()

    def check(self) -> None:
        super().check()
        paid = {each["id"]: each for each in self.sandbox.objects("invoice") if each["status"] == "paid"}
        for kept in SubscriptionInvoice.objects.exclude(purchase=None).select_related("purchase"):
            purchase = cast(Purchase, kept.purchase)
            assert paid[kept.stripe_invoice_id]["amount_paid"] == purchase.price_minor
            assert purchase.credits == sum(line.credits for line in kept.lines.all())
        lines = {line["id"]: line for each in paid.values() for line in each["lines"]["data"]}
        for line in GrantedLine.objects.all():
            source = lines[line.stripe_line_id]
            prorated = source["parent"]["subscription_item_details"]["proration"]
            assert prorated or line.credits == PER_CHARGE[source["amount"]]
        self.nothing_bought_was_touched()

    def nothing_bought_was_touched(self) -> None:
        """Plans' refunds, ends and months take nothing from packs: only their own refunds and spends do."""
        for lot in Lot.objects.filter(account=self.account, payment__purchase__stripe_invoice_id=""):
            touching = Entry.objects.filter(account=self.account, lots__contains=[lot.pk])
            for entry in touching.exclude(kind__in=["spend", "purchase", "offset"]):
                moved = dict(zip(entry.lots, entry.moved, strict=True))[lot.pk]
                assert not moved or entry.metadata["package"] == "starter", entry.kind

    def end(self) -> None:
        super().end()
        self.sandbox.post("/_sandbox/webhooks/mode", {"mode": "deliver"})
        self.sandbox.wait_for_webhooks()
        work()
        for row in Subscription.objects.exclude(stripe_subscription_id=None):
            sync(row)
        owed = [
            each["id"]
            for each in self.sandbox.objects("invoice")
            if each["status"] == "paid" and each["amount_paid"] > 0
        ]
        kept = SubscriptionInvoice.objects.exclude(purchase=None).values_list("stripe_invoice_id", flat=True)
        assert sorted(owed) == sorted(kept)
        assert ScheduledGrant.objects.filter(lot=None, purchase__grants_count=1).count() == 0
        call_command("check_ledger", stdout=StringIO())


@pytest.mark.parametrize(("seed", "interval"), [(16, "month"), (13, "year")])
def test_any_story_grants_what_was_paid_for_once(
    sandbox: Sandbox, seed: int, interval: str, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    PlanStory(sandbox, seed, monkeypatch, settings, interval).go_through(60)
