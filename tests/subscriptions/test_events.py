"""A plan's payments carry no reference of ours: their events wait for the invoice's sync, and alarm nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from structlog.testing import capture_logs

from accounts.models import User
from billing.inbox.models import InboxEvent
from billing.purchases.models import Purchase
from billing.webhooks.unmatched_events import EARLY_FOR, look_again
from credits.ledger.models import Account
from tests.subscriptions.story import DECLINES, renew, take_plan
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def test_events_of_a_plans_payments_are_applied_once_its_invoice_is_synced(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    with capture_logs() as lines:
        taken = take_plan(sandbox, ada)
        renew(sandbox, taken)
        sandbox.replace_card(str(account.customer.stripe_customer_id), DECLINES)
        renew(sandbox, taken)
    logged = {(line["log_level"], line["reference"]) for line in lines if line["event"] == "event_unmatched"}
    assert logged == {("info", "payment")}
    InboxEvent.objects.update(received_at=timezone.now() - EARLY_FOR - timedelta(minutes=1))
    look_again()
    payments = InboxEvent.objects.filter(type__in=["payment_intent.succeeded", "charge.succeeded"])
    assert set(payments.values_list("status", "purchase")) == {
        ("applied", key) for key in Purchase.objects.values_list("pk", flat=True)
    }
    declined = InboxEvent.objects.filter(type__in=["payment_intent.payment_failed", "charge.failed"])
    assert set(declined.values_list("status", flat=True)) == {"stored"}
    assert not InboxEvent.objects.filter(status__in=["unmatched", "not_ours"]).exists()


def test_another_products_payment_by_no_subscriber_still_warns(sandbox: Sandbox, ada: User) -> None:
    with capture_logs() as lines:
        take_plan(sandbox, ada)
        sandbox.pay_outright(metadata={})
        sandbox.wait_for_webhooks()
    levels = {line["log_level"] for line in lines if line.get("reference") == "missing"}
    assert levels == {"warning"}
