"""Starting a purchase: the intent is committed first, Stripe is called outside any transaction, and a copy is kept."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing.checkout.orders import PurchaseOrder
from billing.checkout.starting import start_purchase
from billing.customers.models import Customer
from billing.errors import PurchaseInProgress, UnknownPackage
from billing.packages.models import Package
from billing.provider.errors import StripeUnavailable
from billing.provider.interface import CheckoutRequest
from billing.purchases.models import Purchase, PurchaseEvent
from billing.stripe import gateway as stripe_gateway
from credits.ledger.models import Account
from tests.billing.calling import deliver, last_event, stripe_posts
from tests.support.builders import PackageFactory, UserFactory, put_on_sale, start
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
SESSIONS = "/v1/checkout/sessions"


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox, settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET]
    put_on_sale()


def test_a_purchase_keeps_a_copy_of_what_was_on_sale() -> None:
    PackageFactory(
        code="special", name="Special", credits=Decimal("1250.50"), price_minor=1100,
        validity_days=30,
    )  # fmt: skip
    purchase = start(UserFactory(), "special").purchase
    Package.objects.all().delete()

    purchase.refresh_from_db()
    assert purchase.package is None
    assert (purchase.package_code, purchase.package_name, purchase.credits) == (
        "special", "Special", Decimal("1250.50"),
    )  # fmt: skip
    assert (purchase.price_minor, purchase.list_price_minor, purchase.reduction.minor) == (1100, 1251, 0)
    assert (purchase.currency, purchase.discount_percentage, purchase.validity_days) == (
        "usd", Decimal("12.07"), 30,
    )  # fmt: skip


def test_stripe_says_what_is_bought_and_no_default_of_an_account_changes_what_is_owed(
    sandbox: Sandbox,
) -> None:
    start(UserFactory(), "standard")

    (session,) = sandbox.objects("checkout.session")
    assert session["custom_text"]["submit"] == {"message": "5,000 credits for your personal account"}
    assert (session["automatic_tax"]["enabled"], session["adaptive_pricing"]["enabled"]) == (False, False)
    assert session["allow_promotion_codes"] is False


def test_no_purchase_is_started_inside_somebody_elses_transaction(sandbox: Sandbox) -> None:
    user = UserFactory()
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        start(user)

    assert (Purchase.objects.count(), sandbox.calls()) == (0, [])


def test_the_intent_is_committed_before_stripe_is_called_and_no_transaction_is_open_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[bool, list[str | None]]] = []
    call = stripe_gateway.create_checkout_session

    def looking_on(request: CheckoutRequest) -> Any:
        seen.append(
            (connection.in_atomic_block, [purchase.stripe_session_id for purchase in Purchase.objects.all()])
        )
        return call(request)

    monkeypatch.setattr(stripe_gateway, "create_checkout_session", looking_on)  # the real one, watched
    start(UserFactory())

    assert seen == [(False, [None])]


def test_dying_before_stripe_is_called_leaves_a_pending_purchase_that_can_be_found(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(BaseException):
        """Nothing of ours catches it."""

    def die(*args: object) -> None:
        raise PowerCut

    user = UserFactory()
    with monkeypatch.context() as patch:
        patch.setattr(stripe_gateway, "client", die)
        with pytest.raises(PowerCut):
            start(user, idempotency_key="order-1")

    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.stripe_session_id, purchase.events.get().what) == (
        "pending",
        None,
        "started",
    )
    with pytest.raises(PurchaseInProgress):
        start(user, idempotency_key="order-1")


def test_stripe_is_told_whose_purchase_it_is_on_the_session_and_on_the_payment(sandbox: Sandbox) -> None:
    user = UserFactory(email="buyer@example.com")
    started = start(user, "pro")
    (call,) = stripe_posts(sandbox, SESSIONS)

    customer = Customer.objects.get(account__owner=user).stripe_customer_id
    assert call["idempotency_key"] == f"purchase-{started.purchase.pk}-{customer}"
    assert call["params"]["customer"] == customer
    sandbox.pay(started.session_id)
    ours = {
        "purchase_id": str(started.purchase.pk),
        "user_id": str(user.pk),
        "package_code": "pro",
        "credits": "10000",
    }
    assert sandbox.objects("checkout.session")[0]["metadata"] == ours
    assert sandbox.objects("payment_intent")[0]["metadata"] == ours


def test_a_buyer_without_an_address_can_buy(sandbox: Sandbox) -> None:
    start(UserFactory(email=""))

    assert sandbox.objects("customer")[0]["email"] in ("", None)


def test_a_checkout_stays_open_as_long_as_it_is_set_to(sandbox: Sandbox, settings: Any) -> None:
    settings.CHECKOUT_SESSION_LIFETIME = datetime.timedelta(minutes=45)
    start(UserFactory())

    left = sandbox.objects("checkout.session")[0]["expires_at"] - timezone.now().timestamp()
    assert 44 * 60 < left <= 45 * 60


def test_only_the_products_own_name_is_shown_where_nothing_was_synced(sandbox: Sandbox) -> None:
    start(UserFactory(), "pro")

    (session,) = sandbox.objects("checkout.session")
    assert (session["amount_total"], session["currency"]) == (8000, "usd")
    assert [product["name"] for product in sandbox.objects("product")] == ["Pro Pack"]


def test_a_webhook_that_is_quicker_than_our_commit_loses_nothing(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = stripe_gateway.create_checkout_session

    def paid_meanwhile(request: CheckoutRequest) -> Any:
        session = call(request)
        sandbox.hold_webhooks()
        sandbox.pay(session.id)
        assert deliver(last_event(sandbox, "checkout.session.completed")).status_code == 200
        return session

    monkeypatch.setattr(stripe_gateway, "create_checkout_session", paid_meanwhile)  # the real one, slowed
    started = start(UserFactory())

    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.stripe_session_id) == ("completed", started.session_id)
    assert purchase.checkout_url == started.checkout_url
    assert [event.what for event in purchase.events.all()] == ["started", "credited", "checkout_opened"]


def test_a_payment_that_came_before_the_answer_was_lost_is_never_marked_as_failed(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = stripe_gateway.create_checkout_session

    def paid_and_lost(request: CheckoutRequest) -> Any:
        session = call(request)
        sandbox.hold_webhooks()
        sandbox.pay(session.id)
        deliver(last_event(sandbox, "checkout.session.completed"))
        raise StripeUnavailable("The answer was lost.")

    monkeypatch.setattr(stripe_gateway, "create_checkout_session", paid_and_lost)
    with pytest.raises(StripeUnavailable):
        start(UserFactory())

    assert Purchase.objects.get().status == "completed"


def test_a_buyer_has_one_account_for_all_purchases() -> None:
    user = UserFactory()
    accounts = {start(user).purchase.account_id for _ in range(2)}

    assert accounts == set(Account.objects.filter(owner=user).values_list("pk", flat=True))


def test_starting_a_purchase_costs_few_statements_whatever_is_on_sale() -> None:
    user = UserFactory()
    start(user)
    for number in range(30):
        PackageFactory(credits=number + 1)
    with CaptureQueriesContext(connection) as queries:
        start(user)

    # One of them keeps the buyer from being erased meanwhile, one finds the customer, one the sales,
    # and one the other packages' prices in this currency.
    assert len(queries) <= 16


def test_an_error_names_what_it_is_about_and_no_secret(sandbox: Sandbox) -> None:
    with pytest.raises(UnknownPackage) as unknown:
        start(UserFactory(), "nothing")
    assert unknown.value.params == {"package_code": "nothing"}

    sandbox.fault(method="POST", path=SESSIONS, status=500, times=1)
    with pytest.raises(StripeUnavailable) as away:
        start(UserFactory())
    assert away.value.params == {"purchase_id": str(Purchase.objects.get().pk)}


def order(**fields: Any) -> PurchaseOrder:
    return PurchaseOrder(**{"package_code": "p", **fields})


def test_orders_differ_in_what_was_ordered_and_not_in_their_key() -> None:
    assert order(idempotency_key="a").fingerprint == order(idempotency_key="b").fingerprint
    others = [order(), order(success_url="x"), order(cancel_url="x"), order(package_code="q")]
    assert len({each.fingerprint for each in others}) == 4


# --- The database's half ------------------------------------------------------------------------------------------


def test_one_user_can_hold_a_key_once_and_two_users_each() -> None:
    user = UserFactory()
    first = start(user, idempotency_key="k").purchase
    start(UserFactory(), idempotency_key="k")
    second = start(user).purchase

    with (
        pytest.raises(IntegrityError, match="purchase_one_per_idempotency_key"),
        transaction.atomic(),
    ):
        Purchase.objects.filter(pk=second.pk).update(idempotency_key=first.idempotency_key)


IMPOSSIBLE: list[tuple[str, dict[str, Any]]] = [
    ("purchase_credits_positive", {"credits": 0}),
    ("purchase_price_not_negative", {"price_minor": -1}),
    ("purchase_completed_has_its_time", {"status": "completed", "paid_minor": 1000}),
    ("purchase_completed_has_its_time", {"completed_at": datetime.datetime.now(datetime.UTC)}),
    (
        "purchase_completed_is_paid_in_full",
        {"status": "completed", "completed_at": datetime.datetime.now(datetime.UTC), "paid_minor": 999},
    ),
]


@pytest.mark.parametrize(("constraint", "values"), IMPOSSIBLE)
def test_the_database_refuses_an_impossible_purchase_by_itself(
    constraint: str, values: dict[str, Any]
) -> None:
    purchase = start(UserFactory()).purchase

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Purchase.objects.filter(pk=purchase.pk).update(**values)


def test_two_purchases_never_share_a_session() -> None:
    first, second = start(UserFactory()).purchase, start(UserFactory()).purchase

    with pytest.raises(IntegrityError, match="stripe_session_id"), transaction.atomic():
        Purchase.objects.filter(pk=second.pk).update(stripe_session_id=first.stripe_session_id)


def test_the_source_of_a_purchase_is_on_record() -> None:
    started = start_purchase(UserFactory(), PurchaseOrder("pro"), PurchaseEvent.Source.PAGE)

    assert {event.source for event in started.purchase.events.all()} == {"page"}
