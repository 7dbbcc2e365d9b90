"""Switching plans pays nothing back for credits that stay; what goes wrong after Stripe did it is made up for."""

from __future__ import annotations

import threading
import time
from io import StringIO
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import connection

from accounts.models import User
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role
from billing.errors import UnknownPlan
from billing.plans.models import Plan
from billing.privacy.erasure import erase_user
from billing.provider.errors import PaymentDeclined
from billing.purchases import log
from billing.purchases.models import Purchase
from billing.subscriptions import invoices
from billing.subscriptions.changing import change_plan, price_paid
from billing.subscriptions.models import Subscription
from billing.subscriptions.subscribing import subscribe
from billing.subscriptions.syncing import sync_subscription
from credits.ledger.models import Account
from credits.ledger.operations import open_team_account
from tests.billing.calling import browser_of
from tests.subscriptions.story import balance, fresh, press, renew, take_plan, told, work
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


def test_down_and_halfway_up_again_pays_nothing_back(sandbox: Sandbox, ada: User, account: Account) -> None:
    Plan.objects.create(code="mid", name="Mid", credits=10_000, price_minor=8000)
    call_command("sync_catalog", stdout=StringIO())
    taken = take_plan(sandbox, ada, "max")
    for code in ("plus", "mid"):
        taken = change_plan(ada, fresh(taken), code)
        assert price_paid(taken) == 14_000
    told(sandbox, taken)
    paid = [each["amount_paid"] for each in sandbox.objects("invoice")]
    assert (paid, int(balance(account))) == ([14_000], 20_000)
    renew(sandbox, taken)
    assert sandbox.objects("invoice")[-1]["amount_paid"] == 8000


def test_a_change_that_stripe_made_is_not_called_unchanged(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    take_plan(sandbox, ada)
    sandbox.fault(method="GET", path="/v1/invoices", status=500, times=9)
    said = press(browser_of(ada), "change", plan_code="max")
    assert ("Nothing was changed" in said, Subscription.objects.get().terms.plan_code) == (False, "max")
    sandbox.delete("/_sandbox/faults")
    work()
    assert balance(account) > 19_000


def test_a_plan_whose_interval_changed_waits_for_the_sync(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    Plan.objects.filter(code="plus").update(interval="year")
    with pytest.raises(UnknownPlan):
        subscribe(ada, account, "plus")
    call_command("sync_catalog", stdout=StringIO())
    assert subscribe(ada, account, "plus").subscription.terms.interval == "year"


def test_an_expired_card_is_declined(sandbox: Sandbox, ada: User, account: Account) -> None:
    taken = take_plan(sandbox, ada)
    sandbox.replace_card(str(account.customer.stripe_customer_id), "4000000000000069")
    with pytest.raises(PaymentDeclined):
        change_plan(ada, taken, "max")


@pytest.mark.parametrize("how", ["left", "erased"])
def test_the_teams_owner_gets_the_receipts_once_the_subscriber_is_gone(
    sandbox: Sandbox, ada: User, how: str
) -> None:
    bob: User = UserFactory(email="bob@example.com")
    team = create_team(ada, "Engines")
    membership = Membership.objects.create(team=team, user=bob, role=Role.ADMIN)
    started = subscribe(bob, open_team_account(team), "plus")
    sandbox.pay(started.session_id)
    taken = told(sandbox, started.subscription)
    assert Purchase.objects.get().user == bob
    if how == "left":
        membership.delete()
    else:
        erase_user(bob.pk)
    mail.outbox.clear()
    renew(sandbox, taken)
    assert Purchase.objects.latest("created_at").user == ada
    assert [message.to for message in mail.outbox] == [["ada@example.com"]]


def test_an_erasure_and_a_sync_wait_for_each_other(
    sandbox: Sandbox, ada: User, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = subscribe(ada, account, "plus")
    sandbox.hold_webhooks()
    sandbox.pay(started.session_id)
    locked, failed = threading.Event(), []
    record = log.record

    def slowly(*facts: Any) -> None:
        locked.set()
        time.sleep(1.5)
        record(*facts)

    def run() -> None:
        try:
            sync_subscription(started.subscription.pk)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test reports it
            failed.append(repr(error))
        finally:
            connection.close()

    monkeypatch.setattr(invoices, "record", slowly)
    syncing = threading.Thread(target=run)
    syncing.start()
    assert locked.wait(10)
    erase_user(ada.pk, forfeit=True)
    syncing.join()
    assert failed == []
