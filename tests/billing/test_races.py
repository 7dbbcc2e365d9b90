"""Webhook, success page, sweeper and staff at the same moment: a paid purchase is credited once.

Three things hold it: the payment's turn and the purchase's row lock, which make the reporters wait for each other, and
the ledger's business key, which makes a second grant impossible. Each is enough alone. The negative control takes all
three away and shows the double credit, so the races here are real ones.
"""

from __future__ import annotations

import datetime
import uuid
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import Any

import pytest
from django.db.models import QuerySet
from django.test import Client

from accounts.models import User
from billing.checkout.repair import rerun_fulfilment
from billing.checkout.starting import StartedPurchase
from billing.checkout.success import confirm_session
from billing.inbox.models import InboxEvent
from billing.purchases.models import Purchase, PurchaseEvent
from billing.reconciliation.comparing import sweep_open_purchases
from credits.ledger.models import Account, Entry
from tests.billing.books import check_settled_books, times_credited
from tests.billing.database_faults import slow_grants
from tests.billing.reporting import reconcile
from tests.billing.turns import take_the_turn_away
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.racing import at_once
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

# Longer than any of the reporters needs to get from its start to its first look at the purchase.
SECONDS = 0.4


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox, settings: Any) -> None:
    put_on_sale()
    sandbox.hold_webhooks()
    settings.SWEEP_AFTER = datetime.timedelta(0)


@pytest.fixture
def user() -> User:
    user: User = UserFactory.create()
    return user


def paid(sandbox: Sandbox, user: User) -> StartedPurchase:
    started = start(user, "standard")
    sandbox.pay(started.session_id)
    return started


def reporters(sandbox: Sandbox, user: User, started: StartedPurchase) -> list[Callable[[], object]]:
    """Everybody who may report the payment, each through the front door."""
    client = Client()
    client.force_login(user)
    staff = UserFactory.create(is_staff=True)
    return [
        partial(sandbox.release_webhooks, copies=2, concurrency=6),
        partial(client.get, "/credits/success", {"session_id": started.session_id}),
        partial(confirm_session, user, started.session_id, PurchaseEvent.Source.API),
        sweep_open_purchases,
        partial(rerun_fulfilment, started.purchase.pk, staff.pk),
    ]


def race(sandbox: Sandbox, user: User) -> StartedPurchase:
    started = paid(sandbox, user)
    with slow_grants(SECONDS):
        at_once(*reporters(sandbox, user, started))
    return started


def take_the_lock_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, **_: rows.all())


def take_the_key_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each grant under a key of its own, as if there were none."""
    monkeypatch.setattr(Purchase, "grant_key", property(lambda purchase: f"{purchase.pk}:{uuid.uuid4()}"))


def test_everybody_reporting_one_payment_at_once_credits_it_once(sandbox: Sandbox, user: User) -> None:
    started = race(sandbox, user)
    assert times_credited() == {str(started.purchase.pk): 1}
    assert PurchaseEvent.objects.filter(what="credited").count() == 1
    assert Account.objects.get().balance == 5000
    assert not InboxEvent.objects.filter(status=InboxEvent.Status.FAILED).exists()
    check_settled_books(sandbox)


def test_without_turn_lock_and_key_the_same_race_credits_more_than_once(
    sandbox: Sandbox, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: were the race no race, the test above would prove nothing."""
    take_the_turn_away(monkeypatch)
    take_the_lock_away(monkeypatch)
    take_the_key_away(monkeypatch)
    started = race(sandbox, user)
    assert times_credited()[str(started.purchase.pk)] > 1


@pytest.mark.parametrize(
    "taken_away", combinations([take_the_turn_away, take_the_lock_away, take_the_key_away], 2)
)
def test_lock_or_key_or_turn_alone_is_enough(
    sandbox: Sandbox,
    user: User,
    monkeypatch: pytest.MonkeyPatch,
    taken_away: tuple[Callable[[pytest.MonkeyPatch], None], ...],
) -> None:
    for take_away in taken_away:
        take_away(monkeypatch)
    started = race(sandbox, user)
    assert times_credited() == {str(started.purchase.pk): 1}
    assert Account.objects.get().balance == 5000


def test_many_payments_of_several_buyers_with_everybody_reporting_at_once(
    sandbox: Sandbox, user: User
) -> None:
    buyers = [user, user, UserFactory.create(), UserFactory.create()]
    bought = [paid(sandbox, buyer) for buyer in buyers]
    now = datetime.datetime.now(datetime.UTC)
    hour = datetime.timedelta(hours=1)
    pages = [
        partial(confirm_session, buyer, started.session_id, PurchaseEvent.Source.SUCCESS_PAGE)
        for buyer, started in zip(buyers, bought, strict=True)
    ]
    at_once(
        partial(sandbox.release_webhooks, copies=2, concurrency=8, order="shuffle", seed=3),
        sweep_open_purchases,
        partial(reconcile, now - hour, now + hour),
        *pages,
    )
    assert times_credited() == Counter(str(started.purchase.pk) for started in bought)
    balances = dict(Account.objects.values_list("owner", "balance"))
    assert balances == {buyers[0].pk: 10_000, buyers[2].pk: 5000, buyers[3].pk: 5000}
    assert not InboxEvent.objects.filter(status=InboxEvent.Status.FAILED).exists()
    check_settled_books(sandbox)


def test_a_settlement_and_an_expiry_at_once_never_take_credits_back(sandbox: Sandbox, user: User) -> None:
    """Late copies of the "unpaid" report race the settled payment."""
    started = start(user, "standard")
    sandbox.pay_later(started.session_id)
    sandbox.settle(started.session_id)
    at_once(
        partial(sandbox.release_webhooks, copies=3, concurrency=12, order="reverse"),
        partial(confirm_session, user, started.session_id, PurchaseEvent.Source.SUCCESS_PAGE),
    )
    assert Purchase.objects.get().status == Purchase.Status.COMPLETED
    assert Entry.objects.count() == 1
    check_settled_books(sandbox)


def test_one_event_delivered_eight_times_at_once_is_applied_once(sandbox: Sandbox, user: User) -> None:
    paid(sandbox, user)
    sent = sandbox.release_webhooks(types=["checkout.session.completed"], copies=8, concurrency=8)["released"]
    assert [sending["answer"]["status"] for sending in sent] == [200] * 8
    event = InboxEvent.objects.get()
    assert (event.status, event.attempts) == (InboxEvent.Status.APPLIED, 8)
    assert PurchaseEvent.objects.filter(what="credited").count() == 1
    check_settled_books(sandbox)


def test_a_webhook_that_is_quicker_than_our_own_record_of_the_session_is_credited_once(
    sandbox: Sandbox, user: User
) -> None:
    """Stripe's answer to our call and its webhook race: the reference in the event finds the purchase."""
    started = paid(sandbox, user)
    Purchase.objects.update(stripe_session_id=None, checkout_url="")
    sandbox.release_webhooks(copies=2)
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.stripe_session_id) == ("completed", started.session_id)
    check_settled_books(sandbox)


def test_the_same_order_sent_eight_times_at_once_is_one_purchase(sandbox: Sandbox, user: User) -> None:
    from billing.errors import PurchaseInProgress

    def order() -> str:
        try:
            return start(user, "standard", idempotency_key="order-1").session_id
        except PurchaseInProgress as error:
            return error.code

    answers = set(at_once(*[order] * 8))
    purchase = Purchase.objects.get()
    assert answers - {"purchase_in_progress"} == {purchase.stripe_session_id}
    assert len(sandbox.objects("checkout.session")) == 1
