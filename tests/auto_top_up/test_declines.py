"""A declined card costs one mail and no burst of attempts; a person or another card goes on."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import User
from billing.auto_top_up.models import Attempt, AutoTopUp
from billing.auto_top_up.setting import standing_of, try_again
from billing.customers.methods import remove_method, shown_methods
from billing.packages.models import Package
from billing.privacy.erasure import erase_user
from billing.provider import provider
from billing.refunds.models import Refund
from billing.refunds.refunding import RefundOrder, refund_purchase
from credits.ledger.models import Account
from tests.auto_top_up.saving import (
    ASKS_EACH_TIME,
    DECLINES,
    STOLEN,
    VISA,
    off_session,
    paid,
    replace_card,
    save_card,
    set_up,
    tick,
)
from tests.billing.worker import run_worker
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.fixture
def ada() -> User:
    user: User = UserFactory(email="ada@example.com")
    return user


def mails() -> list[str]:
    """The subjects of the mails about automatic top-up, after the worker has sent what is due."""
    run_worker()
    subjects = [str(message.subject) for message in mail.outbox]
    return [subject for subject in subjects if subject.startswith("Automatic top-up")]


def wait_for_retry() -> None:
    """As if the pause after a decline were over."""
    AutoTopUp.objects.exclude(retry_at=None).update(retry_at=timezone.now(), asked_at=None)


def test_soft_declines_back_off_and_stop_after_three(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada, DECLINES)
    row = set_up(ada, account, threshold=1500)
    pauses = []
    for _ in range(3):
        tick()
        for _ in range(3):
            assert tick() == 0
        row.refresh_from_db()
        pauses.append(row.retry_at and round((row.retry_at - timezone.now()) / datetime.timedelta(hours=1)))
        wait_for_retry()
    assert pauses == [4, 24, None]
    assert (row.state, row.reason, row.declines) == ("suspended", "declines", 3)
    assert {attempt.purchase.failure_code for attempt in Attempt.objects.all()} == {"generic_decline"}
    assert len(off_session(sandbox)) == 3
    for _ in range(3):
        assert tick() == 0
    assert mails() == ["Automatic top-up: your card was declined", "Automatic top-up is suspended"]
    assert "0341" in mail.outbox[-1].body
    assert "/credits/billing/" in mail.outbox[-1].body


def test_a_hard_decline_stops_it_at_once(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada, STOLEN)
    row = set_up(ada, account, threshold=1500)
    tick()
    row.refresh_from_db()
    assert (row.state, row.reason) == ("suspended", "hard_decline")
    assert tick() == 0
    assert mails() == ["Automatic top-up is suspended"]
    assert len(off_session(sandbox)) == 1


def test_another_card_goes_on(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada, STOLEN)
    row = set_up(ada, account, threshold=1500)
    tick()
    replace_card(sandbox, account, VISA)
    tick()
    row.refresh_from_db()
    account.refresh_from_db()
    assert (row.state, row.reason, row.declines, account.balance) == ("on", "", 0, 2000)


def test_another_card_is_charged_at_once_while_a_retry_is_pending(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada, DECLINES)
    row = set_up(ada, account, threshold=1500)
    tick()
    row.refresh_from_db()
    assert (row.state, row.declines) == ("on", 1)
    assert tick() == 0
    replace_card(sandbox, account, VISA)
    assert tick() == 1
    row.refresh_from_db()
    account.refresh_from_db()
    assert (row.retry_at, row.declines, account.balance, len(off_session(sandbox))) == (None, 0, 2000, 2)


def test_a_person_goes_on_with_the_same_card(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada, DECLINES)
    row = set_up(ada, account, threshold=1500)
    AutoTopUp.objects.update(declines=2)
    tick()
    row.refresh_from_db()
    assert row.state == "suspended"
    try_again(ada, account)
    assert tick() == 1
    row.refresh_from_db()
    assert (row.state, row.declines) == ("on", 1)


def test_the_bank_asks_and_it_waits_for_the_owner(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada, ASKS_EACH_TIME)
    row = set_up(ada, account, threshold=1500)
    tick()
    row.refresh_from_db()
    assert (row.state, standing_of(account).state) == ("needs_confirmation", "needs_confirmation")
    assert tick() == 0
    assert mails() == ["Automatic top-up: please confirm the payment"]
    assert len(off_session(sandbox)) == 1
    assert paid(sandbox) == []


@pytest.mark.parametrize("how", ["refund", "part", "dispute"])
def test_it_is_off_after_a_refund_or_a_dispute_of_its_payment(sandbox: Sandbox, ada: User, how: str) -> None:
    account = save_card(sandbox, ada)
    row = set_up(ada, account, threshold=1500)
    tick()
    sandbox.wait_for_webhooks()
    purchase = Attempt.objects.get().purchase
    if how == "dispute":
        sandbox.dispute(paid(sandbox)[0]["latest_charge"])
    else:
        amount = 1000 if how == "refund" else 300
        reason, policy = Refund.Reason.REQUESTED_BY_CUSTOMER, Refund.Policy.CAP
        order = RefundOrder(amount, reason, policy, "", Refund.Origin.ADMIN, UserFactory())
        refund_purchase(purchase.pk, order)
    sandbox.wait_for_webhooks()
    tick()
    row.refresh_from_db()
    assert (row.state, row.reason) == ("off", "disputed" if how == "dispute" else "refunded")
    assert len(paid(sandbox)) == 1
    assert mails() == ["Automatic top-up was turned off"]

    set_up(ada, account, threshold=500)  # turned on again by its owner: it stays on
    tick()
    row.refresh_from_db()
    assert row.state == "on"


@pytest.mark.parametrize("who", ["owner", "staff at Stripe", "a deleted customer"])
def test_it_is_off_once_its_card_is_gone(sandbox: Sandbox, ada: User, who: str) -> None:
    account = save_card(sandbox, ada)
    row = set_up(ada, account)
    method = shown_methods(account)[0].row
    if who == "owner":
        remove_method(account, method.pk)
    elif who == "staff at Stripe":
        provider().detach_method(method.stripe_payment_method_id)
    else:
        provider().delete_customer(str(account.customer.stripe_customer_id))
    sandbox.wait_for_webhooks()
    tick()
    row.refresh_from_db()
    assert (row.state, row.reason) == ("off", "card_removed")
    assert mails() == ["Automatic top-up was turned off"]


def test_it_is_off_after_an_erasure(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada)
    row = set_up(ada, account, threshold=1500)
    erase_user(ada.pk, forfeit=True)
    assert tick() == 0
    row.refresh_from_db()
    assert (row.state, row.reason, Account.objects.get(pk=account.pk).closed_at is None) == (
        "off",
        "erased",
        False,
    )


def test_a_package_that_is_no_longer_sold_suspends_it(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada)
    row = set_up(ada, account, threshold=1500)
    Package.objects.filter(code="starter").update(is_active=False)
    tick()
    row.refresh_from_db()
    assert (row.state, row.reason, off_session(sandbox)) == ("suspended", "not_sold", [])


def test_the_limit_reached_is_mailed_once_a_month(sandbox: Sandbox, ada: User, settings: Any) -> None:
    account = save_card(sandbox, ada)
    set_up(ada, account, threshold=5000, limit=10)
    tick()
    for _ in range(3):
        tick()
        wait_for_retry()
    assert mails() == ["Automatic top-up: monthly limit reached"]
    assert len(paid(sandbox)) == 1
