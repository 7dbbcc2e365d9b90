"""A restricted key with the permissions that docs/go-live.md names does all that customers and cards need."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from django.core.management import call_command
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from billing.customers.adding import card_page, portal_page
from billing.customers.at_stripe import update_customers
from billing.customers.methods import make_default, refresh_methods, remove_method, shown_methods
from billing.customers.models import Customer
from billing.privacy.erasure import erase_user
from credits.ledger.operations import open_account
from tests.billing.worker import run_worker
from tests.customers.cards import ASKS_EACH_TIME, DECLINES, click, confirm_at_bank, save_card
from tests.customers.restricted_key import KEY, documented
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
FORM = {"email": "ada@example.com", "card_number": DECLINES, "expiry": "12 / 34", "cvc": "123"}


def test_the_documented_permissions_are_enough(sandbox: Sandbox, settings: Any) -> None:
    sandbox.restrict_key(KEY, *documented())
    settings.STRIPE_SECRET_KEY = KEY
    put_on_sale()
    call_command("sync_catalog")
    call_command("set_up_portal")
    ada: User = UserFactory(email="ada@example.com")
    account, card = open_account(ada), save_card(sandbox, ada)
    assert requests.post(card_page(account, ada), data=FORM, timeout=10).ok
    sandbox.wait_for_webhooks()
    refresh_methods(account)
    assert len(shown_methods(account)) == 2

    assert click(ada, card).purchase.status == "completed"
    make_default(account, card)
    assert "/p/session/" in portal_page(account)
    User.objects.filter(pk=ada.pk).update(last_name="King")
    assert update_customers() == 1
    sandbox.replace_card(str(Customer.objects.get().stripe_customer_id), ASKS_EACH_TIME)
    sandbox.wait_for_webhooks()
    (asked,) = (shown.row.pk for shown in shown_methods(account) if shown.is_default)
    confirm_at_bank(click(ada, asked, "asked").checkout_url)
    remove_method(account, asked)
    sandbox.wait_for_webhooks()
    run_worker()
    erase_user(ada.pk, forfeit=True)
    for _ in range(3):  # deletes the customer at Stripe, which tells us so
        run_worker()
        sandbox.wait_for_webhooks()
    run_worker()

    assert Customer.objects.get().deleted_at is not None
    jobs = ProcrastinateJob.objects.exclude(status__in=["succeeded"]).values_list("task_name", "status")
    assert not [job for job in jobs if job[0] != "billing.hide_late_copies"]
