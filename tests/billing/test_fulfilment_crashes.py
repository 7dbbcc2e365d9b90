"""A purchase keeps what was bought, and gets it although something fails in between."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import ProgrammingError
from django.utils import timezone

from accounts.models import User
from billing.checkout.starting import StartedPurchase
from billing.inbox.models import InboxEvent
from billing.packages.models import Package
from billing.purchases.models import Purchase
from credits.ledger.models import Account, Entry, Lot
from credits.ledger.selectors import find_balance
from tests.billing.books import check_books, check_settled_books
from tests.billing.database_faults import failing_commits
from tests.billing.reporting import deliver, show_success_page, what_happened
from tests.support.builders import PackageFactory, UserFactory, let_ask_again, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Status = Purchase.Status

DECLINED = "4000000000000002"


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


# --- Snapshots and lots -------------------------------------------------------------------------------------------


def test_editing_or_deleting_the_package_changes_nothing_that_was_bought(
    sandbox: Sandbox, bought: StartedPurchase
) -> None:
    Package.objects.filter(code="standard").update(credits=1, price_minor=1, name="Gone")
    Package.objects.filter(code="standard").delete()
    sandbox.pay(bought.session_id)
    deliver(sandbox)
    purchase = Purchase.objects.get()
    assert (purchase.package_id, purchase.package_name) == (None, "Standard Pack")
    assert purchase.credits == 5000
    assert purchase.discount_percentage == 10
    assert (purchase.list_price_minor, purchase.price_minor) == (5000, 4500)
    assert Account.objects.get().balance == 5000
    check_settled_books(sandbox)


@pytest.mark.parametrize("time_zone", ["UTC", "Pacific/Auckland", "America/Los_Angeles"])
def test_credits_expire_so_many_times_24_hours_after_they_came_in_every_time_zone(
    sandbox: Sandbox, user: User, settings: Any, time_zone: str
) -> None:
    settings.TIME_ZONE = time_zone
    PackageFactory.create(code="short", validity_days=30)
    started = start(user, "short")
    sandbox.pay(started.session_id)
    deliver(sandbox, copies=2)
    purchase, lot = Purchase.objects.get(), Lot.objects.get()
    assert purchase.completed_at is not None
    assert lot.expires_at == purchase.completed_at + datetime.timedelta(hours=30 * 24)


def test_a_payment_that_takes_longer_than_the_credits_live_costs_its_buyer_none_of_their_time(
    sandbox: Sandbox, user: User
) -> None:
    PackageFactory.create(code="short", validity_days=7)
    started = start(user, "short")
    sandbox.pay_later(started.session_id)
    deliver(sandbox)
    Purchase.objects.update(created_at=timezone.now() - datetime.timedelta(days=10))
    sandbox.settle(started.session_id)
    deliver(sandbox)

    lot = Lot.objects.get()
    assert lot.expires_at is not None
    assert lot.expires_at - lot.created_at > datetime.timedelta(days=7, seconds=-60)
    assert find_balance(lot.account_id).available == lot.amount


# --- Failures in between ------------------------------------------------------------------------------------------


def test_a_crash_before_the_commit_leaves_nothing_and_the_repeat_is_applied(
    sandbox: Sandbox, bought: StartedPurchase
) -> None:
    sandbox.pay(bought.session_id)
    with failing_commits():
        assert deliver(sandbox, types=["checkout.session.completed"]) == [500]

        assert Purchase.objects.get().status == Status.PENDING
        assert not Entry.objects.exists()
        failed = InboxEvent.objects.get()
        assert (failed.status, failed.attempts) == (InboxEvent.Status.FAILED, 1)
        assert "the power went out" in failed.note

        assert deliver(sandbox, types=["checkout.session.completed"]) == [200]

    applied = InboxEvent.objects.get()
    assert (applied.status, applied.attempts, applied.note) == (InboxEvent.Status.APPLIED, 2, "")
    assert applied.purchase_id == bought.purchase.pk
    check_settled_books(sandbox)


def test_a_success_page_that_crashes_is_good_at_the_next_reload(
    sandbox: Sandbox, user: User, bought: StartedPurchase
) -> None:
    sandbox.pay(bought.session_id)
    with failing_commits():
        with pytest.raises(ProgrammingError, match="the power went out"):
            show_success_page(user, bought.session_id)
        check_books(sandbox)
        let_ask_again()
        show_success_page(user, bought.session_id)
    check_settled_books(sandbox)


def test_stripe_delivers_a_failed_event_again_by_itself(sandbox: Sandbox, bought: StartedPurchase) -> None:
    sandbox.post("/_sandbox/webhooks/mode", {"mode": "deliver"})
    with failing_commits(times=2):
        sandbox.pay(bought.session_id)
        sandbox.wait_for_webhooks()
    assert not InboxEvent.objects.filter(status=InboxEvent.Status.FAILED).exists()
    check_settled_books(sandbox)


def test_the_same_event_again_is_answered_and_not_applied_again(
    sandbox: Sandbox, bought: StartedPurchase
) -> None:
    sandbox.pay(bought.session_id)
    assert deliver(sandbox, types=["checkout.session.completed"], copies=4) == [200] * 4
    event = InboxEvent.objects.get()
    assert (event.status, event.attempts) == (InboxEvent.Status.APPLIED, 4)
    assert len(what_happened()) == 3  # started, checkout opened, credited


def test_buyers_of_several_packs_have_the_sum(sandbox: Sandbox, user: User) -> None:
    other = UserFactory.create()
    for buyer, code in [(user, "starter"), (user, "pro"), (other, "standard"), (user, "starter")]:
        sandbox.pay(start(buyer, code).session_id)
    sandbox.pay(start(user, "enterprise").session_id, DECLINED)
    deliver(sandbox, order="shuffle", seed=7, copies=2, concurrency=8)
    balances = {account.owner_id: account.balance for account in Account.objects.all()}
    assert balances == {user.pk: Decimal(12_000), other.pk: Decimal(5000)}
    check_settled_books(sandbox)
