"""A paid purchase is credited exactly once, whoever reports it; an unpaid one never."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.core.management import call_command

from billing.models import InboxEvent, Purchase
from credits.models import Account, Entry
from tests.builders import UserFactory, put_on_sale, start
from tests.local_world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


def test_a_paid_session_is_credited_by_the_webhook_alone(sandbox: Sandbox) -> None:
    started = start(UserFactory(), "standard")
    sandbox.pay(started.session_id)
    sandbox.wait_for_webhooks()

    purchase = Purchase.objects.get()
    assert purchase.status == Purchase.Status.COMPLETED
    assert purchase.paid_minor == 4500
    assert purchase.stripe_payment_intent_id.startswith("pi_")
    entry = Entry.objects.get()
    assert (entry.amount, entry.balance_after, entry.key) == (Decimal(5000), Decimal(5000), purchase.grant_key)
    assert Account.objects.get().balance == Decimal(5000)
    assert not InboxEvent.objects.filter(status="failed").exists()
    call_command("check_ledger")
