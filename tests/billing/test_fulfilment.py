"""A paid purchase is credited exactly once, whoever reports it; an unpaid one never."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import ProgrammingError
from django.test import Client

from accounts.models import User
from billing.checkout import StartedPurchase
from billing.models import InboxEvent, Package, Purchase, PurchaseEvent
from billing.reconciliation import sweep_open_purchases
from billing.repair import rerun_fulfilment
from credits.models import Account, Entry, Lot
from tests.billing.books import check_books, check_settled_books
from tests.billing.database_faults import failing_commits
from tests.builders import PackageFactory, UserFactory, put_on_sale, start
from tests.local_world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Status = Purchase.Status
Attention = Purchase.Attention

GENERIC = "4000000000000002"
AUTHENTICATES = "4000002500003155"
DECLINES = [
    (GENERIC, "generic_decline"),
    ("4000000000009995", "insufficient_funds"),
    ("4000000000000069", "expired_card"),
    ("4000000000000127", "incorrect_cvc"),
]


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


def show_success_page(user: User, session_id: str) -> str:
    client = Client()
    client.force_login(user)
    response = client.get("/credits/success", {"session_id": session_id})
    assert response.status_code == 200
    return response.content.decode()


def deliver(sandbox: Sandbox, **how: Any) -> list[int]:
    """Lets the held webhooks go; gives the status of each answer."""
    return [sending["answer"]["status"] for sending in sandbox.release_webhooks(**how)["released"]]


def what_happened() -> list[tuple[str, str, str]]:
    return list(PurchaseEvent.objects.values_list("what", "to_status", "source"))


# --- Each way alone is enough ------------------------------------------------------------------------------------


def test_a_paid_session_is_credited_by_the_webhook_alone(sandbox: Sandbox, bought: StartedPurchase) -> None:
    sandbox.pay(bought.session_id)
    assert set(deliver(sandbox)) == {200}

    purchase = Purchase.objects.get()
    assert purchase.status == Status.COMPLETED
    assert purchase.paid_minor == 4500
    assert purchase.completed_at is not None
    (intent,) = sandbox.objects("payment_intent")
    assert purchase.stripe_payment_intent_id == intent["id"]
    entry, lot = Entry.objects.get(), Lot.objects.get()
    assert (entry.amount, entry.balance_after, entry.key) == (5000, 5000, f"purchase:{purchase.pk}")
    assert (entry.kind, entry.reference) == (Entry.Kind.PURCHASE, str(purchase.pk))
    assert (lot.cost_minor, lot.currency, lot.promotional, lot.expires_at) == (4500, "usd", False, None)
    assert not InboxEvent.objects.filter(status=InboxEvent.Status.FAILED).exists()
    check_settled_books(sandbox)


@pytest.mark.parametrize("event_type", ["checkout.session.completed", "payment_intent.succeeded"])
def test_either_of_the_two_events_of_a_payment_is_enough(
    sandbox: Sandbox, bought: StartedPurchase, event_type: str
) -> None:
    sandbox.pay(bought.session_id)
    assert deliver(sandbox, types=[event_type]) == [200]
    assert Purchase.objects.get().status == Status.COMPLETED
    assert [source for what, _, source in what_happened() if what == "credited"] == ["webhook"]
    check_settled_books(sandbox)


def test_a_paid_session_is_credited_by_the_success_page_alone(
    sandbox: Sandbox, user: User, bought: StartedPurchase
) -> None:
    sandbox.pay(bought.session_id)
    page = show_success_page(user, bought.session_id)
    assert "5,000" in page
    assert what_happened()[-1] == ("credited", "completed", "success_page")
    check_settled_books(sandbox)


def test_a_paid_session_is_credited_by_the_sweeper_alone(sandbox: Sandbox, bought: StartedPurchase) -> None:
    sandbox.pay(bought.session_id)
    sweep_open_purchases()
    assert what_happened()[-1] == ("credited", "completed", "sweeper")
    check_settled_books(sandbox)


def test_a_paid_session_is_credited_by_staff_alone_and_their_name_is_on_it(
    sandbox: Sandbox, bought: StartedPurchase
) -> None:
    staff = UserFactory.create(is_staff=True)
    sandbox.pay(bought.session_id)
    rerun_fulfilment(bought.purchase.pk, staff.pk)
    assert what_happened()[-2:] == [
        ("fulfilment_rerun", "pending", "staff"),
        ("credited", "completed", "staff"),
    ]
    assert set(PurchaseEvent.objects.filter(source="staff").values_list("actor_id", flat=True)) == {staff.pk}
    check_settled_books(sandbox)


def test_everybody_reporting_a_payment_one_after_the_other_credits_it_once(
    sandbox: Sandbox, user: User, bought: StartedPurchase
) -> None:
    sandbox.pay(bought.session_id)
    for _ in range(2):
        show_success_page(user, bought.session_id)
        deliver(sandbox, copies=2, replay=True)
        sweep_open_purchases()
        rerun_fulfilment(bought.purchase.pk, UserFactory.create().pk)
    assert [what for what, _, _ in what_happened()].count("credited") == 1
    assert Account.objects.get().balance == 5000
    check_settled_books(sandbox)


# --- Each sequence of events --------------------------------------------------------------------------------------

ORDERS = [{"order": "fifo"}, {"order": "reverse"}, {"order": "shuffle", "seed": 1}]


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("card", ["4242424242424242", AUTHENTICATES])
def test_a_payment_is_credited_once_whatever_the_order_and_number_of_its_events(
    sandbox: Sandbox, bought: StartedPurchase, card: str, order: dict[str, Any]
) -> None:
    sandbox.pay(bought.session_id, card)
    assert set(deliver(sandbox, copies=2, **order)) == {200}
    assert Purchase.objects.get().status == Status.COMPLETED
    check_settled_books(sandbox)


@pytest.mark.parametrize(("card", "code"), DECLINES)
def test_a_declined_card_credits_nothing_and_leaves_the_checkout_open(
    sandbox: Sandbox, user: User, bought: StartedPurchase, card: str, code: str
) -> None:
    sandbox.pay(bought.session_id, card)
    deliver(sandbox)
    show_success_page(user, bought.session_id)
    sweep_open_purchases()

    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.failure_code) == (Status.PENDING, code)
    assert what_happened()[-1] == ("payment_declined", "pending", "webhook")
    assert not Entry.objects.exists()
    check_settled_books(sandbox)


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_another_card_after_a_declined_one_is_credited_in_any_order(
    sandbox: Sandbox, bought: StartedPurchase, order: dict[str, Any]
) -> None:
    sandbox.pay(bought.session_id, GENERIC)
    sandbox.pay(bought.session_id)
    deliver(sandbox, copies=2, **order)
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.failure_code) == (Status.COMPLETED, "")
    check_settled_books(sandbox)


def test_a_buyer_who_fails_3d_secure_gets_nothing_and_may_try_again(
    sandbox: Sandbox, bought: StartedPurchase
) -> None:
    sandbox.pay(bought.session_id, AUTHENTICATES, authenticate=False)
    deliver(sandbox)
    purchase = Purchase.objects.get()
    assert purchase.status == Status.PENDING
    assert purchase.failure_code == "payment_intent_authentication_failure"
    check_books(sandbox)
    sandbox.pay(bought.session_id, AUTHENTICATES)
    deliver(sandbox)
    check_settled_books(sandbox)
    assert Account.objects.get().balance == 5000


def test_a_delayed_payment_is_processing_and_credits_nothing_until_it_settles(
    sandbox: Sandbox, user: User, bought: StartedPurchase
) -> None:
    sandbox.pay_later(bought.session_id)
    deliver(sandbox, copies=2)
    show_success_page(user, bought.session_id)
    sweep_open_purchases()
    assert Purchase.objects.get().status == Status.PROCESSING
    assert not Entry.objects.exists()

    sandbox.settle(bought.session_id)
    deliver(sandbox, types=["checkout.session.async_payment_succeeded"])

    assert Purchase.objects.get().status == Status.COMPLETED
    check_settled_books(sandbox)


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_a_settled_payment_is_credited_once_in_any_order(
    sandbox: Sandbox, bought: StartedPurchase, order: dict[str, Any]
) -> None:
    sandbox.pay_later(bought.session_id)
    sandbox.settle(bought.session_id)
    deliver(sandbox, copies=2, **order)
    assert Purchase.objects.get().status == Status.COMPLETED
    check_settled_books(sandbox)


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_a_delayed_payment_that_fails_ends_as_failed_with_its_reason_in_any_order(
    sandbox: Sandbox, bought: StartedPurchase, order: dict[str, Any]
) -> None:
    sandbox.pay_later(bought.session_id)
    sandbox.fail(bought.session_id)
    deliver(sandbox, copies=2, **order)
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.failure_code) == (Status.FAILED, "payment_method_provider_decline")
    check_settled_books(sandbox)


@pytest.mark.parametrize("way", ["success_page", "sweeper"])
def test_a_delayed_payment_that_failed_is_seen_without_a_webhook(
    sandbox: Sandbox, user: User, bought: StartedPurchase, way: str
) -> None:
    sandbox.pay_later(bought.session_id)
    sandbox.fail(bought.session_id)
    if way == "sweeper":
        sweep_open_purchases()
    else:
        show_success_page(user, bought.session_id)
    assert what_happened()[-1] == ("payment_failed", "failed", way)
    check_settled_books(sandbox)


@pytest.mark.parametrize("order", ["fifo", "reverse"])
def test_an_expired_checkout_ends_as_expired(sandbox: Sandbox, bought: StartedPurchase, order: str) -> None:
    sandbox.pay(bought.session_id, GENERIC)
    sandbox.expire(bought.session_id)
    deliver(sandbox, copies=2, order=order)
    assert Purchase.objects.get().status == Status.EXPIRED
    check_settled_books(sandbox)


def test_a_package_for_nothing_is_credited_without_a_payment(sandbox: Sandbox, user: User) -> None:
    PackageFactory.create(code="free", price_minor=0, credits=5)
    started = start(user, "free")
    sandbox.pay(started.session_id)
    deliver(sandbox, copies=2)
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.paid_minor, purchase.stripe_payment_intent_id) == ("completed", 0, None)
    assert Account.objects.get().balance == 5
    check_settled_books(sandbox)


@pytest.mark.parametrize(("currency", "minor"), [("jpy", 4500), ("kwd", 4500)])
def test_a_currency_without_cents_or_with_three_places_is_compared_in_its_own_smallest_unit(
    sandbox: Sandbox, user: User, currency: str, minor: int
) -> None:
    PackageFactory.create(code="abroad", currency=currency, price_minor=minor, credits=10)
    started = start(user, "abroad")
    sandbox.pay(started.session_id)
    deliver(sandbox)
    (intent,) = sandbox.objects("payment_intent")
    assert (intent["amount_received"], intent["currency"]) == (minor, currency)
    assert Purchase.objects.get().paid_minor == minor
    assert Lot.objects.get().currency == currency
    check_settled_books(sandbox)


# --- What does not agree credits nothing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "attention", "detail"),
    [
        ({"price_minor": 4501}, Attention.AMOUNT_DIFFERS, "paid 4500, priced 4501 (minor units)"),
        ({"price_minor": 450}, Attention.AMOUNT_DIFFERS, "paid 4500, priced 450 (minor units)"),
        ({"currency": "eur"}, Attention.CURRENCY_DIFFERS, "paid in usd, priced in eur"),
        ({"user": None}, Attention.BUYER_DELETED, "nobody could spend the credits: refund the payment"),
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


# --- Snapshots and lots -------------------------------------------------------------------------------------------


def test_editing_or_deleting_the_package_changes_nothing_that_was_bought(
    sandbox: Sandbox, bought: StartedPurchase
) -> None:
    Package.objects.filter(code="standard").update(credits=1, price_minor=1, name="Gone")
    Package.objects.filter(code="standard").delete()
    sandbox.pay(bought.session_id)
    deliver(sandbox)
    purchase = Purchase.objects.get()
    assert (purchase.package_id, purchase.package_name) == (None, "Standard")
    assert purchase.credits == 5000
    assert purchase.discount_percentage == 10
    assert (purchase.list_price_minor, purchase.discount.minor) == (5000, 500)
    assert Account.objects.get().balance == 5000
    check_settled_books(sandbox)


@pytest.mark.parametrize("time_zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
def test_credits_expire_so_many_times_24_hours_after_the_purchase_in_every_time_zone(
    sandbox: Sandbox, user: User, settings: Any, time_zone: str
) -> None:
    settings.TIME_ZONE = time_zone
    PackageFactory.create(code="short", validity_days=30)
    started = start(user, "short")
    sandbox.pay(started.session_id)
    deliver(sandbox, copies=2)
    purchase, lot = Purchase.objects.get(), Lot.objects.get()
    assert lot.expires_at == purchase.created_at + datetime.timedelta(hours=30 * 24)


# --- Failures in between ------------------------------------------------------------------------------------------


def test_a_crash_before_the_commit_leaves_nothing_and_the_repeat_is_applied(
    sandbox: Sandbox, bought: StartedPurchase
) -> None:
    sandbox.pay(bought.session_id)
    with failing_commits():
        assert deliver(sandbox, types=["checkout.session.completed"]) == [500]

        assert Purchase.objects.get().status == Status.PENDING
        assert not Entry.objects.exists()
        failed = InboxEvent.objects.get()
        assert (failed.status, failed.attempts) == (InboxEvent.Status.FAILED, 1)
        assert "the power went out" in failed.note

        assert deliver(sandbox, types=["checkout.session.completed"]) == [200]

    applied = InboxEvent.objects.get()
    assert (applied.status, applied.attempts, applied.note) == (InboxEvent.Status.APPLIED, 2, "")
    assert applied.purchase_id == bought.purchase.pk
    check_settled_books(sandbox)


def test_a_success_page_that_crashes_is_good_at_the_next_reload(
    sandbox: Sandbox, user: User, bought: StartedPurchase
) -> None:
    sandbox.pay(bought.session_id)
    with failing_commits():
        with pytest.raises(ProgrammingError, match="the power went out"):
            show_success_page(user, bought.session_id)
        check_books(sandbox)
        show_success_page(user, bought.session_id)
    check_settled_books(sandbox)


def test_stripe_delivers_a_failed_event_again_by_itself(sandbox: Sandbox, bought: StartedPurchase) -> None:
    sandbox.post("/_sandbox/webhooks/mode", {"mode": "deliver"})
    with failing_commits(times=2):
        sandbox.pay(bought.session_id)
        sandbox.wait_for_webhooks()
    assert not InboxEvent.objects.filter(status=InboxEvent.Status.FAILED).exists()
    check_settled_books(sandbox)


def test_the_same_event_again_is_answered_and_not_applied_again(
    sandbox: Sandbox, bought: StartedPurchase
) -> None:
    sandbox.pay(bought.session_id)
    assert deliver(sandbox, types=["checkout.session.completed"], copies=4) == [200] * 4
    event = InboxEvent.objects.get()
    assert (event.status, event.attempts) == (InboxEvent.Status.APPLIED, 4)
    assert len(what_happened()) == 3  # started, checkout opened, credited


def test_buyers_of_several_packs_have_the_sum(sandbox: Sandbox, user: User) -> None:
    other = UserFactory.create()
    for buyer, code in [(user, "starter"), (user, "pro"), (other, "standard"), (user, "starter")]:
        sandbox.pay(start(buyer, code).session_id)
    sandbox.pay(start(user, "enterprise").session_id, GENERIC)
    deliver(sandbox, order="shuffle", seed=7, copies=2, concurrency=8)
    balances = {account.owner_id: account.balance for account in Account.objects.all()}
    assert balances == {user.pk: Decimal(12_000), other.pk: Decimal(5000)}
    check_settled_books(sandbox)
