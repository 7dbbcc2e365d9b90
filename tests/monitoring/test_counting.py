"""What happens is counted where it happens, whatever comes of the transaction around it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.conf import settings as settings_of_django
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from prometheus_client import REGISTRY

from billing.checkout.closing import Report, sync_purchase
from billing.checkout.fulfilment import fulfil_purchase
from billing.errors import PaymentOfAnother
from billing.inbox.models import InboxEvent
from billing.provider.errors import StripeRefused, StripeUnavailable
from billing.purchases.log import Source
from billing.purchases.models import Purchase, PurchaseEvent
from billing.stripe.counting import OPERATIONS, operation_of
from core.emails import send_email
from credits.errors import AccountClosed, InsufficientCredits, KeyConflict, SumTooLarge
from credits.ledger import operations as ledger
from tests.billing.calling import deliver, paid_session_event, send
from tests.credits.builders import funded, grant, hold, spend
from tests.monitoring.stripe_calls import operations_in_the_code, operations_of_the_mirror
from tests.ops.database_outages import database_away
from tests.support.builders import UserFactory, paid_report, put_on_sale, start
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
WEBHOOK = Source(PurchaseEvent.Source.WEBHOOK)


class Counted:
    """How far metrics rose since this was made."""

    def __init__(self) -> None:
        self.before = self._now()

    def rise(self, name: str, **labels: str) -> float:
        key = (name, frozenset(labels.items()))
        return self._now().get(key, 0.0) - self.before.get(key, 0.0)

    def deliveries(self) -> dict[str, float]:
        """Deliveries by result, besides the events of other objects that come with a payment."""
        values = (*InboxEvent.Status.values, "refused", "unsigned", "limited")
        rises = {result: self.rise("credits_webhook_deliveries_total", result=result) for result in values}
        return {result: rise for result, rise in rises.items() if rise and result != "stored"}

    def _now(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        samples = (sample for family in REGISTRY.collect() for sample in family.samples)
        return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


@pytest.fixture
def counted(settings: Any) -> Counted:
    settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET]
    return Counted()


def bought(sandbox: Sandbox) -> Purchase:
    put_on_sale()
    return start(UserFactory()).purchase


# --- Deliveries -------------------------------------------------------------------------------------------------------


def test_deliveries_are_counted_by_what_came_of_them(counted: Counted, sandbox: Sandbox) -> None:
    purchase = bought(sandbox)
    event = paid_session_event(sandbox, purchase.stripe_session_id or "")
    assert deliver(event).status_code == 200
    assert deliver(event).status_code == 200  # a repeat is accepted too
    for unsigned in (None, "", "t=1", "v1=0", "t=now,v1=0"):
        assert send(b"{}", unsigned).status_code == 400
    assert send(b"{}", "t=1,v1=0").status_code == 400
    assert deliver({"object": "event", "id": "evt_1"}).status_code == 200
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE inbox_inboxevent RENAME TO moved")
        try:
            assert deliver({**event, "id": "evt_2"}).status_code == 500
        finally:
            cursor.execute("ALTER TABLE moved RENAME TO inbox_inboxevent")
    assert counted.deliveries() == {"applied": 2, "unsigned": 5, "refused": 1, "unreadable": 1, "failed": 1}


def test_a_verified_event_that_fails_is_a_failure_whatever_it_is_answered_with(
    counted: Counted, sandbox: Sandbox
) -> None:
    """An error of ours that asks its caller for something else: here, a payment that belongs to another purchase."""
    purchase, other = bought(sandbox), start(UserFactory()).purchase
    event = paid_session_event(sandbox, purchase.stripe_session_id or "")
    paid_by = event["data"]["object"]["payment_intent"]
    fulfil_purchase(other.pk, paid_report(other, payment_intent_id=paid_by), WEBHOOK)
    assert 400 <= deliver(event).status_code < 500
    assert counted.deliveries() == {"failed": 1}


def test_a_delivery_over_the_limit_is_counted_apart(counted: Counted, settings: Any, client: Client) -> None:
    settings.WEBHOOK_RATE = 0
    assert send(b"{}", None, client=client).status_code == 429
    assert counted.rise("credits_webhook_deliveries_total", result="limited") == 1
    assert counted.rise("credits_webhook_deliveries_total", result="refused") == 0


# --- Responses --------------------------------------------------------------------------------------------------------


def test_an_error_before_any_view_is_counted_and_a_probe_is_not(counted: Counted) -> None:
    """The session is looked up by middleware that comes long before django-prometheus's last one."""
    browser = Client(raise_request_exception=False)
    browser.cookies[settings_of_django.SESSION_COOKIE_NAME] = "a" * 32
    with database_away():
        connection.close()
        assert browser.get("/credits/").status_code == 503
        assert browser.get("/health/ready").status_code == 503
    assert browser.get("/health/live").status_code == 200
    rises = [counted.rise("credits_http_responses_total", status=status) for status in ("2xx", "5xx")]
    assert rises == [0, 1]


# --- Purchases --------------------------------------------------------------------------------------------------------


def test_a_paid_checkout_is_counted_once_with_its_wait(counted: Counted, sandbox: Sandbox) -> None:
    purchase = bought(sandbox)
    report = paid_report(purchase, at=timezone.now() - timedelta(minutes=11))
    for _ in range(2):
        fulfil_purchase(purchase.pk, report, WEBHOOK)
    assert counted.rise("credits_checkouts_started_total") == 1
    assert counted.rise("credits_checkouts_ended_total", outcome="paid") == 1
    assert counted.rise("credits_purchases_credited_total", source="webhook") == 1
    assert counted.rise("credits_payment_to_credits_seconds_count") == 1
    assert counted.rise("credits_payment_to_credits_seconds_bucket", le="600.0") == 0
    assert counted.rise("credits_payment_to_credits_seconds_bucket", le="1800.0") == 1


def test_what_is_rolled_back_is_not_counted_as_sold(counted: Counted, sandbox: Sandbox) -> None:
    purchase = bought(sandbox)
    with transaction.atomic():
        fulfil_purchase(purchase.pk, paid_report(purchase), WEBHOOK)
        transaction.set_rollback(True)
    assert counted.rise("credits_purchases_credited_total", source="webhook") == 0
    assert counted.rise("credits_payment_to_credits_seconds_count") == 0


def test_an_abandoned_checkout_is_counted_and_a_late_payment_of_it_too(
    counted: Counted, sandbox: Sandbox
) -> None:
    purchase = bought(sandbox)
    sandbox.expire(purchase.stripe_session_id or "")
    sync_purchase(purchase, Report(), Source(PurchaseEvent.Source.SWEEPER))
    fulfil_purchase(purchase.pk, paid_report(purchase), WEBHOOK)
    assert counted.rise("credits_checkouts_ended_total", outcome="abandoned") == 1
    assert counted.rise("credits_checkouts_ended_total", outcome="paid") == 1
    assert counted.rise("credits_checkouts_started_total") == 1


# --- Allocation errors ------------------------------------------------------------------------------------------------


def test_a_fulfilment_that_raises_is_an_allocation_error(counted: Counted, sandbox: Sandbox) -> None:
    purchase, other = bought(sandbox), start(UserFactory()).purchase
    fulfil_purchase(purchase.pk, paid_report(purchase), WEBHOOK)
    with pytest.raises(PaymentOfAnother):
        fulfil_purchase(other.pk, paid_report(other, payment_intent_id=f"pi_{purchase.pk.hex}"), WEBHOOK)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE purchases_payment RENAME TO moved")
        try:
            with pytest.raises(Exception, match="purchases_payment"):
                fulfil_purchase(other.pk, paid_report(other), WEBHOOK)
        finally:
            cursor.execute("ALTER TABLE moved RENAME TO purchases_payment")
    assert counted.rise("credits_allocation_errors_total", operation="fulfilment", cause="other") == 1
    assert counted.rise("credits_allocation_errors_total", operation="fulfilment", cause="database") == 1


def test_a_payment_held_back_for_staff_is_no_allocation_error(counted: Counted, sandbox: Sandbox) -> None:
    purchase = bought(sandbox)
    held_back = fulfil_purchase(purchase.pk, paid_report(purchase, amount_minor=1), WEBHOOK)
    assert held_back.attention == "amount_differs"
    assert counted.rise("credits_allocation_errors_total", operation="fulfilment", cause="other") == 0


def test_a_grant_that_raises_is_an_allocation_error_and_a_refused_one_is_not(counted: Counted) -> None:
    account = funded(1)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE credits_lot RENAME TO moved")
        try:
            with pytest.raises(Exception, match="credits_lot"):
                grant(account, 5, key="one")
        finally:
            cursor.execute("ALTER TABLE moved RENAME TO credits_lot")
    assert counted.rise("credits_allocation_errors_total", operation="grant", cause="database") == 1
    with pytest.raises(SumTooLarge):
        grant(account, 10**18 - 1, key="too many")
    ledger.close(account.pk)
    with pytest.raises(AccountClosed):
        grant(account, 5, key="two")
    assert counted.rise("credits_allocation_errors_total", operation="grant", cause="database") == 1
    assert counted.rise("credits_allocation_errors_total", operation="grant", cause="other") == 0
    assert counted.rise("credits_ledger_operations_total", operation="grant", outcome="closed") == 1


# --- The ledger, emails, Stripe ---------------------------------------------------------------------------------------


def test_spends_and_refusals_are_counted_also_within_a_batch(counted: Counted) -> None:
    account = funded(10)
    spend(account, 4, key="a")
    spend(account, 4, key="a")
    with pytest.raises(KeyConflict):
        spend(account, 5, key="a")
    with pytest.raises(InsufficientCredits):
        spend(account, 7, key="b")
    ledger.spend_many(
        [ledger.SpendOrder(account.pk, Decimal(number), key=f"many:{number}") for number in (1, 2, 90)]
    )
    hold(account, 1)
    outcomes = ("done", "repeated", "conflict", "insufficient")
    assert [
        counted.rise("credits_ledger_operations_total", operation="spend", outcome=outcome)
        for outcome in outcomes
    ] == [3, 1, 1, 2]
    assert counted.rise("credits_ledger_operations_total", operation="hold", outcome="done") == 1


def test_emails_are_counted_also_those_that_the_server_refuses(counted: Counted, settings: Any) -> None:
    mail = EmailMessage("Hello", "Hello", to=["buyer@example.com"])
    send_email(mail)
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend",
        "127.0.0.1",
        1,
    )
    with pytest.raises(OSError, match="refused"):
        send_email(EmailMessage("Hello", "Hello", to=["buyer@example.com"]))
    assert [counted.rise("credits_emails_total", result=result) for result in ("sent", "failed")] == [1, 1]


def test_calls_to_stripe_are_counted_by_what_it_answered(
    counted: Counted, sandbox: Sandbox, settings: Any
) -> None:
    put_on_sale()
    user = UserFactory()
    start(user)
    sandbox.fault(method="POST", path="/v1/checkout/sessions", status=500, times=1)
    with pytest.raises(StripeUnavailable):
        start(user)
    sandbox.fault(method="POST", path="/v1/checkout/sessions", status=403, times=1)
    with pytest.raises(StripeRefused):
        start(user)
    settings.STRIPE_API_BASE = "http://127.0.0.1:1"
    with pytest.raises(StripeUnavailable):
        start(user)
    results = ("ok", "unavailable", "unauthorized")
    assert [
        counted.rise("credits_stripe_calls_total", operation="checkout.sessions.create", result=result)
        for result in results
    ] == [1, 2, 1]
    assert counted.rise("credits_stripe_call_duration_seconds_count") >= 4


def test_every_operation_is_shown_from_the_start_so_that_a_first_refusal_is_a_rise() -> None:
    beside_what_it_mirrors = {"balance_transactions.retrieve", "products.features"}
    asked = operations_in_the_code() | operations_of_the_mirror() | beside_what_it_mirrors
    assert set(OPERATIONS) == asked
    for operation in asked:
        labels = {"operation": operation, "result": "unauthorized"}
        assert REGISTRY.get_sample_value("credits_stripe_calls_total", labels) is not None, operation


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("post", "/v1/checkout/sessions", "checkout.sessions.create"),
        ("get", "/v1/checkout/sessions/cs_test_1?expand[0]=payment_intent", "checkout.sessions.retrieve"),
        ("post", "/v1/checkout/sessions/cs_test_1/expire", "checkout.sessions.expire"),
        ("get", "/v1/refunds?payment_intent=pi_1", "refunds.list"),
        ("post", "/v1/customers/cus_check_stripe_none", "customers.update"),
        ("delete", "/v1/customers/cus_1", "customers.delete"),
        ("get", "/v1/customers/cus_1/payment_methods/pm_1", "customers.payment_methods"),
        ("get", "/v1/account", "account.retrieve"),
        ("post", "/v1/billing_portal/sessions", "billing_portal.sessions.create"),
    ],
)
def test_an_operation_is_named_without_ids(method: str, path: str, operation: str) -> None:
    assert operation_of(method, f"https://api.stripe.com{path}") == operation
