"""What went wrong in between is settled: by the sweeper on its schedule, and by reconciliation alike."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import User
from billing.checkout.closing import Finding, Report
from billing.errors import PurchaseInProgress
from billing.provider.errors import StripeUnavailable
from billing.provider.interface import CheckoutRequest
from billing.purchases.models import Purchase, PurchaseEvent
from billing.reconciliation.comparing import sweep_open_purchases
from billing.stripe import gateway as stripe_gateway
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry
from tests.billing.books import check_books, check_settled_books
from tests.billing.reporting import kinds, reconcile_now
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Status = Purchase.Status


class Killed(BaseException):
    """The process ends here: nothing of ours catches it."""


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox, settings: Any) -> None:
    put_on_sale()
    sandbox.hold_webhooks()  # nothing here gets a webhook
    settings.SWEEP_AFTER = datetime.timedelta(0)


@pytest.fixture
def user() -> User:
    user: User = UserFactory.create()
    return user


@pytest.fixture(params=["sweeper", "reconcile"])
def settle(request: pytest.FixtureRequest) -> Callable[[], Report]:
    """Either of the two: they must settle alike."""
    return sweep_open_purchases if request.param == "sweeper" else reconcile_now


def die_before_the_call(monkeypatch: pytest.MonkeyPatch, user: User) -> None:
    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as until:
        until.setattr(stripe_gateway, "create_checkout_session", die)
        with pytest.raises(Killed):
            start(user, "standard", idempotency_key="order-1")


def die_after_the_call(monkeypatch: pytest.MonkeyPatch, user: User) -> str:
    """Gives the id of the session that is at Stripe and not in our table."""
    create, made = stripe_gateway.create_checkout_session, []

    def create_and_die(request: CheckoutRequest) -> None:
        made.append(create(request).id)
        raise Killed

    with monkeypatch.context() as until:
        until.setattr(stripe_gateway, "create_checkout_session", create_and_die)
        with pytest.raises(Killed):
            start(user, "standard", idempotency_key="order-1")
    assert Purchase.objects.get().stripe_session_id is None
    return str(made[0])


def lose_the_answer(sandbox: Sandbox, user: User) -> str:
    sandbox.fault(method="POST", path="/v1/checkout/sessions", status=None, after=True)
    with pytest.raises(StripeUnavailable):
        start(user, "standard", idempotency_key="order-1")
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.stripe_session_id) == (Status.FAILED, None)
    return str(sandbox.objects("checkout.session")[-1]["id"])


# --- Settled by the sweeper and by reconciliation alike ----------------------------------------------------------


def test_what_is_paid_there_and_not_credited_here_is_fulfilled(
    sandbox: Sandbox, user: User, settle: Callable[[], Report]
) -> None:
    started = start(user, "standard")
    sandbox.pay(started.session_id)
    report = settle()
    assert report.repaired == [
        Finding("paid_not_credited", "pending → completed", str(started.purchase.pk), started.session_id)
    ]
    assert report.open == []
    check_settled_books(sandbox)
    assert settle().repaired == []


def test_what_expired_there_expires_here(sandbox: Sandbox, user: User, settle: Callable[[], Report]) -> None:
    started = start(user, "standard")
    sandbox.expire(started.session_id)
    report = settle()
    assert (kinds(report.repaired), report.open) == (["status_behind"], [])
    assert Purchase.objects.get().status == Status.EXPIRED
    check_settled_books(sandbox)


def test_a_checkout_whose_time_is_up_expires_without_anybody_saying_so(
    sandbox: Sandbox, user: User, settings: Any
) -> None:
    start(user, "standard")
    sandbox.post(
        "/_sandbox/clock", {"advance_s": int(settings.CHECKOUT_SESSION_LIFETIME.total_seconds()) + 1}
    )
    sweep_open_purchases()
    assert Purchase.objects.get().status == Status.EXPIRED


@pytest.mark.parametrize(
    ("then", "status"), [("settle", Status.COMPLETED), ("fail", Status.FAILED), (None, Status.PROCESSING)]
)
def test_a_delayed_payment_is_followed_to_its_end(
    sandbox: Sandbox, user: User, settle: Callable[[], Report], then: str | None, status: str
) -> None:
    started = start(user, "standard")
    sandbox.pay_later(started.session_id)
    settle()
    assert Purchase.objects.get().status == Status.PROCESSING
    if then:
        getattr(sandbox, then)(started.session_id)
    settle()
    assert Purchase.objects.get().status == status
    check_settled_books(sandbox)


def test_an_open_checkout_is_left_to_its_buyer(
    sandbox: Sandbox, user: User, settle: Callable[[], Report]
) -> None:
    started = start(user, "standard")
    report = settle()
    assert (report.repaired, report.open) == ([], [])
    assert Purchase.objects.get().status == Status.PENDING
    sandbox.pay(started.session_id)
    settle()
    check_settled_books(sandbox)


def test_a_death_before_stripe_was_called_leaves_a_purchase_that_expires(
    sandbox: Sandbox, user: User, monkeypatch: pytest.MonkeyPatch, settle: Callable[[], Report]
) -> None:
    die_before_the_call(monkeypatch, user)
    assert kinds(settle().repaired) == ["no_checkout"]
    purchase = Purchase.objects.get()
    assert purchase.status == Status.EXPIRED
    assert PurchaseEvent.objects.latest("id").what == "no_checkout_at_stripe"
    assert sandbox.objects("checkout.session") == []
    assert settle().repaired == []


def test_a_death_after_stripe_was_called_is_found_by_our_reference_and_its_checkout_closed(
    sandbox: Sandbox, user: User, monkeypatch: pytest.MonkeyPatch, settle: Callable[[], Report]
) -> None:
    session_id = die_after_the_call(monkeypatch, user)
    settle()
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.stripe_session_id) == (Status.EXPIRED, session_id)
    (session,) = sandbox.objects("checkout.session")
    assert session["status"] == "expired"  # nobody has its address, so nobody can pay it
    check_settled_books(sandbox)


def test_a_checkout_that_we_died_over_and_that_was_paid_is_found_by_our_reference(
    sandbox: Sandbox, user: User, monkeypatch: pytest.MonkeyPatch, settle: Callable[[], Report]
) -> None:
    session_id = die_after_the_call(monkeypatch, user)
    sandbox.pay(session_id)
    settle()
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.stripe_session_id) == (Status.COMPLETED, session_id)
    check_settled_books(sandbox)


def test_a_lost_answer_closes_the_checkout_and_is_then_over(
    sandbox: Sandbox, user: User, settle: Callable[[], Report]
) -> None:
    session_id = lose_the_answer(sandbox, user)
    settle()
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.stripe_session_id) == (Status.FAILED, session_id)
    (session,) = sandbox.objects("checkout.session")
    assert session["status"] == "expired"
    sandbox.delete("/_sandbox/requests")
    sweep_open_purchases()
    assert sandbox.calls() == []  # not asked for again and again
    check_settled_books(sandbox)


def test_a_lost_answer_to_a_checkout_that_was_paid_is_credited(
    sandbox: Sandbox, user: User, settle: Callable[[], Report]
) -> None:
    sandbox.pay(lose_the_answer(sandbox, user))
    assert kinds(settle().repaired) == ["paid_not_credited"]
    assert Purchase.objects.get().status == Status.COMPLETED
    check_settled_books(sandbox)


def test_a_call_that_never_reached_stripe_is_looked_for_once(
    sandbox: Sandbox, user: User, settle: Callable[[], Report]
) -> None:
    sandbox.fault(method="POST", path="/v1/checkout/sessions", status=503)
    with pytest.raises(StripeUnavailable):
        start(user, "standard")
    assert kinds(settle().repaired) == ["no_checkout"]
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.failure_code) == (Status.FAILED, "checkout_not_opened")
    sandbox.delete("/_sandbox/requests")
    sweep_open_purchases()
    assert sandbox.calls() == []


@pytest.mark.parametrize("misfortune", ["death before", "death after", "lost answer"])
def test_who_repeats_an_order_that_came_to_nothing_is_told_so(
    sandbox: Sandbox, user: User, monkeypatch: pytest.MonkeyPatch, misfortune: str
) -> None:
    """And is not sent to a checkout that was closed, or to no address at all."""
    if misfortune == "lost answer":
        lose_the_answer(sandbox, user)
    else:
        before = misfortune == "death before"
        (die_before_the_call if before else die_after_the_call)(monkeypatch, user)
        with pytest.raises(PurchaseInProgress):
            start(user, "standard", idempotency_key="order-1")
    sweep_open_purchases()
    with pytest.raises(StripeUnavailable, match="nothing was charged"):
        start(user, "standard", idempotency_key="order-1")
    assert len(Purchase.objects.all()) == 1


def test_a_checkout_that_somebody_pays_while_it_is_being_closed_is_credited(
    sandbox: Sandbox, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = die_after_the_call(monkeypatch, user)
    find = stripe_gateway.list_sessions

    def find_and_be_overtaken(*period: Any) -> Any:
        sessions = list(find(*period))
        sandbox.pay(session_id)
        return sessions

    monkeypatch.setattr(stripe_gateway, "list_sessions", find_and_be_overtaken)
    sweep_open_purchases()
    assert Purchase.objects.get().status == Status.COMPLETED
    check_settled_books(sandbox)


def test_one_broken_row_does_not_keep_the_others_from_being_settled(
    sandbox: Sandbox, user: User, settle: Callable[[], Report]
) -> None:
    """As a repair by hand might leave it: a purchase's session is recorded with another purchase."""
    broken, wrong, good = (start(user, "starter") for _ in range(3))
    Purchase.objects.filter(pk=broken.purchase.pk).update(stripe_session_id=None)
    Purchase.objects.filter(pk=wrong.purchase.pk).update(stripe_session_id=broken.session_id)
    sandbox.expire(wrong.session_id)
    sandbox.expire(broken.session_id)
    sandbox.pay(good.session_id)
    report = settle()
    assert str(broken.purchase.pk) in {finding.purchase_id for finding in report.open}
    assert str(good.purchase.pk) in {finding.purchase_id for finding in report.repaired}
    check_settled_books(sandbox)


def test_one_that_the_ledger_refuses_does_not_keep_the_others_from_being_settled(
    sandbox: Sandbox, user: User, settle: Callable[[], Report]
) -> None:
    """As a grant by hand might leave it: the purchase's key is taken by another amount."""
    refused, good = start(user, "starter"), start(user, "starter")
    key = f"purchase:{refused.purchase.pk}"
    ledger.grant(refused.purchase.account_id, Decimal(7), kind=Entry.Kind.PURCHASE, key=key)
    for started in (refused, good):
        sandbox.pay(started.session_id)
    report = settle()
    assert [(each.kind, each.purchase_id) for each in report.open][:1] == [
        ("ledger_refused", str(refused.purchase.pk))
    ]
    assert str(good.purchase.pk) in {finding.purchase_id for finding in report.repaired}


# --- The sweeper ---------------------------------------------------------------------------------------------------


def test_the_sweeper_leaves_young_purchases_alone(sandbox: Sandbox, user: User, settings: Any) -> None:
    settings.SWEEP_AFTER = datetime.timedelta(minutes=10)
    sandbox.pay(start(user, "standard").session_id)
    assert sweep_open_purchases() == Report()
    assert Purchase.objects.get().status == Status.PENDING
    settings.SWEEP_AFTER = datetime.timedelta(0)
    assert sweep_open_purchases().purchases == 1


def test_the_sweeper_does_not_look_at_what_is_over(sandbox: Sandbox, user: User) -> None:
    for end in (sandbox.pay, sandbox.expire):
        end(start(user, "standard").session_id)
    sweep_open_purchases()
    sandbox.delete("/_sandbox/requests")
    assert sweep_open_purchases() == Report()
    assert sandbox.calls() == []


def test_a_sweep_stops_while_stripe_is_down_and_the_next_one_goes_on(sandbox: Sandbox, user: User) -> None:
    for _ in range(3):
        sandbox.pay(start(user, "starter").session_id)
    sandbox.delete("/_sandbox/requests")
    sandbox.fault(method="GET", path="/v1/checkout/sessions/*", delay_ms=0, times=1)
    sandbox.fault(method="GET", path="/v1/checkout/sessions/*", status=503, times=1)

    assert sweep_open_purchases().purchases == 2

    assert len(sandbox.calls()) == 2  # it doesn't call a closed Stripe for each purchase
    assert sorted(Purchase.objects.values_list("status", flat=True)) == ["completed", "pending", "pending"]
    check_books(sandbox)
    sweep_open_purchases()
    check_settled_books(sandbox)
    assert Account.objects.get().balance == 3000


def test_one_purchase_that_stripe_refuses_to_tell_about_does_not_stop_the_sweep(
    sandbox: Sandbox, user: User
) -> None:
    refused, paid = start(user, "starter"), start(user, "starter")
    sandbox.pay(paid.session_id)
    sandbox.fault(method="GET", path=f"/v1/checkout/sessions/{refused.session_id}", status=403)
    assert kinds(sweep_open_purchases().repaired) == ["paid_not_credited"]
    check_settled_books(sandbox)
