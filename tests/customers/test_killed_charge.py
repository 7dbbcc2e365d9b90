"""The process dies between Stripe's charge and our commit: one charge, one grant."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from accounts.models import User
from billing.purchases.models import Purchase
from billing.reconciliation.comparing import sweep_open_purchases
from credits.ledger.models import Entry
from tests.billing.books import check_books
from tests.customers.cards import charges, click, save_card
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox
from tests.support.served import database_url

pytestmark = pytest.mark.django_db(transaction=True)
CHILD = """
import sys, uuid
import django
django.setup()
from accounts.models import User
from billing.checkout.orders import PurchaseOrder
from billing.checkout.starting import start_purchase
order = PurchaseOrder("standard", card_id=uuid.UUID(sys.argv[2]), idempotency_key="click")
start_purchase(User.objects.get(pk=sys.argv[1]), order, "page")
"""


def click_and_be_killed(sandbox: Sandbox, user: User, card: Any) -> None:
    """Kills a process that buys, while Stripe's answer to its charge is under way."""
    sandbox.fault(method="POST", path="/v1/payment_intents", delay_ms=10_000, after=True, times=1)
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": database_url(),
        "STRIPE_API_BASE": sandbox.url,
    }
    arguments = [sys.executable, "-c", CHILD, str(user.pk), str(card)]
    child = subprocess.Popen(arguments, env={**os.environ, **environment})
    try:
        while not charges(sandbox):
            assert child.poll() is None
            time.sleep(0.05)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    sandbox.delete("/_sandbox/faults")


def test_a_charge_whose_process_was_killed_is_credited_once(sandbox: Sandbox, settings: Any) -> None:
    put_on_sale()
    ada: User = UserFactory()
    card = save_card(sandbox, ada)
    sandbox.hold_webhooks()
    click_and_be_killed(sandbox, ada, card)
    purchase = Purchase.objects.get(idempotency_key="click")
    assert (purchase.status, len(charges(sandbox))) == ("pending", 1)
    assert click(ada, card).purchase.pk == purchase.pk, "pressed again"

    settings.SWEEP_AFTER = datetime.timedelta(0)
    sweep_open_purchases()
    purchase.refresh_from_db()
    assert purchase.status == "completed"

    sandbox.release_webhooks(order="reverse", copies=2)
    sweep_open_purchases()
    assert len(charges(sandbox)) == 1
    assert Entry.objects.filter(key=purchase.grant_key).count() == 1
    check_books(sandbox)
