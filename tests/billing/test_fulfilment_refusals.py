"""What does not agree with the purchase credits nothing, and what is out of date changes nothing."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from accounts.models import User
from billing.checkout.repair import rerun_fulfilment
from billing.checkout.starting import StartedPurchase
from billing.inbox.models import InboxEvent
from billing.purchases.models import Purchase
from billing.reconciliation.comparing import sweep_open_purchases
from credits.ledger.models import Account, Entry
from tests.billing.books import check_settled_books
from tests.billing.reporting import deliver, what_happened
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Status = Purchase.Status
Attention = Purchase.Attention


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()
    sandbox.hold_webhooks()


@pytest.fixture
def user() -> User:
    user: User = UserFactory.create()
    return user


@pytest.fixture
def bought(user: User) -> StartedPurchase:
    """A checkout for 5,000 credits at $45.00, not paid yet."""
    return start(user, "standard")


@pytest.fixture(autouse=True)
def _sweep_at_once(settings: Any) -> None:
    settings.SWEEP_AFTER = datetime.timedelta(0)


# --- What does not agree credits nothing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "attention", "detail"),
    [
        ({"price_minor": 4501}, Attention.AMOUNT_DIFFERS, "paid 4500, priced 4501 (minor units)"),
        ({"price_minor": 450}, Attention.AMOUNT_DIFFERS, "paid 4500, priced 450 (minor units)"),
        ({"currency": "eur"}, Attention.CURRENCY_DIFFERS, "paid in usd, priced in eur"),
        ({"user": None}, Attention.BUYER_DELETED, "no one can spend the credits: refund the payment"),
    ],
    ids=["too little", "too much", "another currency", "buyer deleted"],
)
@pytest.mark.parametrize("way", ["webhook", "sweeper"])
def test_a_payment_that_does_not_agree_credits_nothing_and_is_put_before_staff_once(
    sandbox: Sandbox, bought: StartedPurchase, wrong: dict[str, Any], attention: str, detail: str, way: str
) -> None:
    Purchase.objects.update(**wrong)
    sandbox.pay(bought.session_id)
    if way == "sweeper":
        assert [finding.kind for finding in sweep_open_purchases().open] == [attention]
        assert sweep_open_purchases().purchases == 0  # it waits for staff, not for Stripe
    for _ in range(2):
        assert set(deliver(sandbox, replay=True)) == {200}
        rerun_fulfilment(bought.purchase.pk, UserFactory.create().pk)

    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.attention, purchase.attention_detail) == ("pending", attention, detail)
    assert purchase.stripe_payment_intent_id is not None  # staff can find the payment to refund
    assert [what for what, _, _ in what_happened()].count("held_back") == 1
    assert not Entry.objects.exists()


def test_a_buyer_who_is_erased_before_paying_is_not_credited(
    sandbox: Sandbox, user: User, bought: StartedPurchase
) -> None:
    user.delete()
    sandbox.pay(bought.session_id)
    assert set(deliver(sandbox)) == {200}
    assert Purchase.objects.get().attention == Attention.BUYER_DELETED
    assert not Entry.objects.exists()


def test_once_staff_have_put_the_price_right_a_rerun_credits_and_clears_the_attention(
    sandbox: Sandbox, bought: StartedPurchase
) -> None:
    Purchase.objects.update(price_minor=1)
    sandbox.pay(bought.session_id)
    deliver(sandbox)
    Purchase.objects.update(price_minor=4500)
    rerun_fulfilment(bought.purchase.pk, UserFactory.create().pk)
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.attention, purchase.attention_detail) == ("completed", "", "")
    check_settled_books(sandbox)


def test_a_second_payment_for_one_purchase_credits_nothing_more_and_is_put_before_staff(
    sandbox: Sandbox, bought: StartedPurchase
) -> None:
    sandbox.pay(bought.session_id)
    deliver(sandbox)
    (intent,) = sandbox.objects("payment_intent")
    second = {**intent, "id": "pi_second"}
    sandbox.post("/_sandbox/events", {"type": "payment_intent.succeeded", "object": second})
    assert deliver(sandbox, copies=3) == [200] * 3

    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.attention) == (Status.COMPLETED, Attention.PAID_TWICE)
    assert purchase.attention_detail == "also paid by pi_second: refund it"
    assert purchase.stripe_payment_intent_id == intent["id"]
    assert [what for what, _, _ in what_happened()].count("paid_twice") == 1
    assert Entry.objects.count() == 1
    assert Account.objects.get().balance == 5000


def test_an_event_of_a_session_that_is_not_ours_changes_nothing_and_is_kept(
    sandbox: Sandbox, bought: StartedPurchase
) -> None:
    sandbox.pay(bought.session_id)
    sandbox.post("/_sandbox/webhooks/drop")
    (session,) = sandbox.objects("checkout.session")
    # Our reference, copied into somebody else's session: the recorded session decides.
    foreign = {**session, "id": "cs_test_foreign", "payment_intent": "pi_foreign"}
    nameless = {**session, "id": "cs_test_nameless", "metadata": {}, "client_reference_id": None}
    for other in (foreign, nameless):
        sandbox.post("/_sandbox/events", {"type": "checkout.session.completed", "object": other})
    assert deliver(sandbox) == [200, 200]
    assert set(InboxEvent.objects.values_list("status", flat=True)) == {InboxEvent.Status.UNMATCHED}
    assert Purchase.objects.get().status == Status.PENDING
    assert not Entry.objects.exists()


# --- An older report never undoes a newer one ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "stale",
    [
        {"status": "open", "payment_status": "unpaid"},
        {"status": "complete", "payment_status": "unpaid"},
        {"status": "expired", "payment_status": "unpaid"},
    ],
    ids=lambda stale: stale["status"],
)
@pytest.mark.parametrize(
    "event_type",
    ["checkout.session.completed", "checkout.session.expired", "checkout.session.async_payment_failed"],
)
def test_no_late_report_takes_a_completed_purchase_back(
    sandbox: Sandbox, bought: StartedPurchase, stale: dict[str, str], event_type: str
) -> None:
    sandbox.pay(bought.session_id)
    deliver(sandbox)
    before = Purchase.objects.values().get()
    (session,) = sandbox.objects("checkout.session")
    sandbox.post("/_sandbox/events", {"type": event_type, "object": {**session, **stale}})
    assert deliver(sandbox) == [200]
    assert Purchase.objects.values().get() == before
    check_settled_books(sandbox)


@pytest.mark.parametrize(("then", "status"), [(None, Status.PROCESSING), ("fail", Status.FAILED)])
def test_an_expiry_out_of_turn_does_not_end_a_payment_that_was_made(
    sandbox: Sandbox, bought: StartedPurchase, then: str | None, status: str
) -> None:
    sandbox.pay_later(bought.session_id)
    if then:
        getattr(sandbox, then)(bought.session_id)
    deliver(sandbox)
    (session,) = sandbox.objects("checkout.session")
    expired = {**session, "status": "expired", "payment_status": "unpaid"}
    sandbox.post("/_sandbox/events", {"type": "checkout.session.expired", "object": expired})
    assert deliver(sandbox) == [200]
    assert Purchase.objects.get().status == status


def test_a_late_processing_report_does_not_reopen_a_failed_purchase(
    sandbox: Sandbox, bought: StartedPurchase
) -> None:
    sandbox.pay_later(bought.session_id)
    sandbox.fail(bought.session_id)
    deliver(sandbox, types=["checkout.session.async_payment_failed"])
    deliver(sandbox)
    assert Purchase.objects.get().status == Status.FAILED


def test_a_payment_wins_over_an_expiry_that_was_reported_before_it(
    sandbox: Sandbox, bought: StartedPurchase
) -> None:
    sandbox.pay(bought.session_id)
    sandbox.post("/_sandbox/webhooks/drop")
    (session,) = sandbox.objects("checkout.session")
    expired = {**session, "status": "expired", "payment_status": "unpaid"}
    sandbox.post("/_sandbox/events", {"type": "checkout.session.expired", "object": expired})
    deliver(sandbox)
    assert Purchase.objects.get().status == Status.EXPIRED
    sweep = rerun_fulfilment(bought.purchase.pk, UserFactory.create().pk)
    assert sweep.status == Status.COMPLETED
    check_settled_books(sandbox)
