"""A paid purchase is credited exactly once, whoever reports it; an unpaid one never."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from accounts.models import User
from billing.checkout.repair import rerun_fulfilment
from billing.checkout.starting import StartedPurchase
from billing.inbox.models import InboxEvent
from billing.purchases.models import Purchase, PurchaseEvent
from billing.reconciliation.comparing import sweep_open_purchases
from credits.ledger.models import Account, Entry, Lot
from tests.billing.books import check_books, check_settled_books
from tests.billing.reporting import deliver, show_success_page, what_happened
from tests.support.builders import PackageFactory, UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Status = Purchase.Status

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


def test_a_checkout_of_nothing_is_credited_without_a_payment(sandbox: Sandbox, user: User) -> None:
    """As the version before opened it for a free package."""
    PackageFactory.create(code="free", credits=5)
    started = start(user, "free")
    Purchase.objects.update(price_minor=0)
    sandbox.discount(started.session_id)
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
