"""Stripe's payments are compared too: a charged card opens no checkout, so a lost one is found nowhere else."""

from __future__ import annotations

import datetime
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import User
from billing.errors import NotRepairable
from billing.purchases.models import Payment, Purchase
from billing.reconciliation.findings import is_repairable, repair_finding
from billing.reconciliation.models import ReconciliationFinding, ReconciliationRun
from billing.reconciliation.runs import resume_run
from credits.ledger.models import Account
from tests.billing.odd_world import forget
from tests.billing.reporting import HOUR, kinds, reconcile_now
from tests.customers.cards import ASKS_EACH_TIME, charges, click, save_card
from tests.returns.owing import client_of_stripe
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

INTENTS = "/v1/payment_intents"


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox, settings: Any) -> None:
    put_on_sale()
    settings.SWEEP_AFTER = datetime.timedelta(0)


@pytest.fixture
def ada() -> User:
    user: User = UserFactory()
    return user


def charge_unheard(sandbox: Sandbox, user: User) -> Purchase:
    """A saved card was charged, and neither the answer nor any event has arrived. It cost $45.00."""
    card = save_card(sandbox, user)
    sandbox.hold_webhooks()
    sandbox.fault(method="POST", path=INTENTS, status=None, after=True, times=10)
    started = click(user, card)
    sandbox.delete("/_sandbox/faults")
    purchase = Purchase.objects.get(pk=started.purchase.pk)
    assert (purchase.status, purchase.charges_card, len(charges(sandbox))) == ("pending", True, 1)
    return purchase


def pay(sandbox: Sandbox, reference: object, **how: Any) -> str:
    """A payment without a checkout that names a purchase."""
    paid = sandbox.pay_outright(metadata={"purchase_id": str(reference)}, **how)
    return str(paid["payment_intent"]["id"])


def asked(sandbox: Sandbox, since: int) -> list[str]:
    return [call["path"] for call in sandbox.calls()[since:]]


# --- What is lost


def test_a_charge_whose_purchase_is_lost_is_one_issue_until_a_person_has_dealt_with_it(
    sandbox: Sandbox, ada: User
) -> None:
    purchase = charge_unheard(sandbox, ada)
    forget(purchase)
    for _ in range(2):
        report = reconcile_now()
    assert (report.repaired, kinds(report.open)) == ([], ["payment_unknown"])
    (intent,) = charges(sandbox)
    finding = ReconciliationFinding.objects.get()
    assert finding.detail == (
        f"{intent['id']}: paid 4500 usd (minor units), but no purchase here has its reference {purchase.pk}"
    )
    assert (finding.object_id, finding.times, is_repairable(finding)) == (intent["id"], 2, False)
    with pytest.raises(NotRepairable):
        repair_finding(finding.pk, uuid4())
    assert Account.objects.get().balance == 1000  # the pack with which the card was saved

    client_of_stripe().v1.refunds.create({"payment_intent": intent["id"]})
    ReconciliationFinding.objects.update(state="settled", settled_by=uuid4(), settled_at=timezone.now())
    assert reconcile_now().open == []


def test_the_command_names_the_payment_and_leaves_with_1(sandbox: Sandbox, capsys: Any) -> None:
    payment = pay(sandbox, lost := uuid4(), amount=1200, currency="eur")
    with pytest.raises(SystemExit):
        call_command("reconcile")
    assert capsys.readouterr().out == (
        f"needs action: payment_unknown: {payment}: paid 1200 eur (minor units), but no purchase here has its "
        f"reference {lost}\n"
        "Compared 0 sessions, 1 payments and 0 purchases; repaired 0; needing action: 1 payment_unknown.\n"
    )


def test_a_lost_checkout_and_its_payment_are_one_issue(
    sandbox: Sandbox, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.stripe.gateway.LIST_PAGE", 1)
    for _ in range(2):
        started = start(ada, "standard")
        sandbox.hold_webhooks()
        sandbox.pay(started.session_id)
        forget(started.purchase)
    assert kinds(reconcile_now().open) == ["session_unknown"] * 2
    assert ReconciliationRun.objects.get().payments == 2


def test_a_checkout_that_stands_at_no_purchase_is_an_issue_though_its_payments_purchase_is_credited(
    sandbox: Sandbox, ada: User
) -> None:
    """Its purchase has another session now, which has to be asked for."""
    sandbox.pay(start(ada, "standard").session_id)
    sandbox.wait_for_webhooks()
    Purchase.objects.update(stripe_session_id="cs_test_gone")
    assert kinds(reconcile_now().open) == ["missing_at_stripe", "session_unknown"]


def test_a_lost_checkout_from_before_the_period_is_found_by_its_payment(sandbox: Sandbox, ada: User) -> None:
    started = start(ada, "standard")
    sandbox.hold_webhooks()
    sandbox.advance(1200)
    begins = timezone.now() + datetime.timedelta(seconds=600)
    sandbox.pay(started.session_id)
    forget(started.purchase)
    run = ReconciliationRun.objects.create(source="staff", period_start=begins, period_end=begins + HOUR)
    resume_run(run.pk)
    assert list(run.findings.values_list("kind", flat=True)) == ["payment_unknown"]


@pytest.mark.parametrize("by", ["charge", "checkout"])
def test_what_went_back_in_full_is_no_issue_and_what_went_back_in_part_is_told(
    sandbox: Sandbox, ada: User, by: str
) -> None:
    sandbox.hold_webhooks()
    if by == "charge":
        intent = pay(sandbox, uuid4())
    else:
        started = start(ada, "standard")
        sandbox.pay(started.session_id)
        forget(started.purchase)
        (intent,) = [each["id"] for each in sandbox.objects("payment_intent")]
    refunds = client_of_stripe().v1.refunds
    refunds.create({"payment_intent": intent, "amount": 100})
    (found,) = reconcile_now().open
    if by == "charge":
        assert ": paid 4500 usd (minor units), of which 100 were refunded, but no purchase" in found.detail
    refunds.create({"payment_intent": intent})
    ReconciliationFinding.objects.update(state="settled", settled_by=uuid4(), settled_at=timezone.now())
    assert reconcile_now().open == []


def test_what_another_product_takes_or_nobody_paid_is_no_issue(sandbox: Sandbox) -> None:
    for metadata in ({}, {"purchase_id": "17"}, {"order": str(uuid4())}):
        sandbox.pay_outright(metadata=metadata)
    pay(sandbox, uuid4(), card="4000000000009995")
    report = reconcile_now()
    assert (report.repaired, report.open, ReconciliationRun.objects.get().payments) == ([], [], 1)


# --- What is here


def test_a_charge_that_nothing_was_heard_of_is_credited_and_found_once(sandbox: Sandbox, ada: User) -> None:
    purchase = charge_unheard(sandbox, ada)
    since = len(sandbox.calls())
    # Of another period, so that the walk through our purchases doesn't meet it.
    Purchase.objects.filter(pk=purchase.pk).update(created_at=timezone.now() - 5 * HOUR)
    report = reconcile_now()
    assert [(found.kind, found.purchase_id) for found in report.repaired] == [
        ("paid_not_credited", str(purchase.pk))
    ]
    assert report.open == []
    assert not [path for path in asked(sandbox, since) if path.startswith(f"{INTENTS}/")]
    assert Account.objects.get().balance == 6000
    report = reconcile_now()
    assert (report.repaired, report.open) == ([], [])
    sandbox.release_webhooks()
    assert Account.objects.get().balance == 6000


def test_a_charge_that_agrees_costs_no_call(sandbox: Sandbox, ada: User) -> None:
    click(ada, save_card(sandbox, ada))
    since = len(sandbox.calls())
    report = reconcile_now()
    assert (report.repaired, report.open) == ([], [])
    assert asked(sandbox, since) == ["/v1/checkout/sessions", INTENTS, "/v1/refunds", "/v1/disputes"]
    run = ReconciliationRun.objects.get()
    assert (run.sessions, run.payments, run.purchases) == (1, 2, 2)


def test_a_charge_that_is_under_way_is_left_alone(sandbox: Sandbox, ada: User, settings: Any) -> None:
    purchase = charge_unheard(sandbox, ada)
    settings.SWEEP_AFTER = datetime.timedelta(minutes=10)
    report = reconcile_now()
    purchase.refresh_from_db()
    assert (report.repaired, report.open, purchase.status) == ([], [], "pending")


def test_a_charge_that_its_buyer_never_confirmed_is_still_asked_for(
    sandbox: Sandbox, ada: User, settings: Any
) -> None:
    """The walk through our purchases cancels it."""
    started = click(ada, save_card(sandbox, ada, ASKS_EACH_TIME))
    settings.CHECKOUT_SESSION_LIFETIME = -datetime.timedelta(minutes=1)
    report = reconcile_now()
    assert (kinds(report.repaired), report.open) == (["status_behind"], [])
    started.purchase.refresh_from_db()
    assert (started.purchase.status, charges(sandbox)[0]["status"]) == ("failed", "canceled")


def test_a_charge_that_stripe_no_longer_calls_paid_is_an_issue(sandbox: Sandbox, ada: User) -> None:
    click(ada, save_card(sandbox, ada))
    (intent,) = charges(sandbox)
    sandbox.change_object("payment_intent", intent["id"], {"amount_received": 4400})
    assert kinds(reconcile_now().open) == ["credited_amount_differs"]
    sandbox.change_object("payment_intent", intent["id"], {"status": "processing"})
    assert kinds(reconcile_now().open) == ["credited_not_paid"]


def test_a_second_payment_is_an_issue_until_it_is_refunded(sandbox: Sandbox, ada: User) -> None:
    started = click(ada, save_card(sandbox, ada))
    sandbox.hold_webhooks()
    second = pay(sandbox, started.purchase.pk, amount=700)
    for _ in range(2):
        report = reconcile_now()
        assert (report.repaired, kinds(report.open)) == ([], ["paid_twice"])
    client_of_stripe().v1.refunds.create({"payment_intent": second})
    reconcile_now()
    report = reconcile_now()
    assert (report.repaired, report.open) == ([], [])
    assert Account.objects.get().balance == 6000


def test_a_payment_is_its_recorded_purchases_whatever_it_names(sandbox: Sandbox, ada: User) -> None:
    started = click(ada, save_card(sandbox, ada))
    (intent,) = charges(sandbox)
    sandbox.change_object("payment_intent", intent["id"], {"metadata": {"purchase_id": str(uuid4())}})
    report = reconcile_now()
    assert (report.repaired, report.open) == ([], [])
    assert Payment.objects.get(stripe_payment_intent_id=intent["id"]).purchase_id == started.purchase.pk
