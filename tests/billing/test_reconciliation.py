"""What went wrong in between is found and settled: by the sweeper, and by `manage.py reconcile`."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.models import User
from billing import stripe_gateway
from billing.errors import PurchaseInProgress, StripeUnavailable
from billing.models import Purchase, PurchaseEvent
from billing.reconciliation import Finding, Report, reconcile, sweep_open_purchases
from credits.models import Account, Entry
from tests.billing.books import check_books, check_settled_books
from tests.builders import UserFactory, put_on_sale, start
from tests.local_world import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Status = Purchase.Status
HOUR = datetime.timedelta(hours=1)


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


def reconcile_now() -> Report:
    return reconcile(timezone.now() - HOUR, timezone.now() + HOUR)


def kinds(findings: list[Finding]) -> list[str]:
    return sorted(finding.kind for finding in findings)


def run_command(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("reconcile", *arguments, stdout=out)
    except SystemExit as leaving:
        return int(leaving.code or 0), out.getvalue()
    return 0, out.getvalue()


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

    def create_and_die(request: stripe_gateway.CheckoutRequest) -> None:
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

    assert len(sandbox.calls()) == 2  # it doesn't knock at a closed door for each purchase
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


# --- Reconciliation ------------------------------------------------------------------------------------------------


def test_a_purchase_that_is_being_started_is_not_closed_under_its_buyer(
    sandbox: Sandbox, user: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reconciling up to now meets purchases between our commit and Stripe's answer."""
    settings.SWEEP_AFTER = datetime.timedelta(minutes=10)
    create = stripe_gateway.create_checkout_session

    def create_meanwhile_reconciled(request: stripe_gateway.CheckoutRequest) -> Any:
        reconcile_now()
        session = create(request)
        reconcile_now()
        return session

    monkeypatch.setattr(stripe_gateway, "create_checkout_session", create_meanwhile_reconciled)
    started = start(user, "standard")

    assert Purchase.objects.get().status == Status.PENDING
    (session,) = sandbox.objects("checkout.session")
    assert session["status"] == "open"
    sandbox.pay(started.session_id)
    reconcile_now()
    check_settled_books(sandbox)


def test_a_paid_session_with_a_reference_that_is_not_here_is_left_to_a_person(
    sandbox: Sandbox, user: User
) -> None:
    started = start(user, "standard")
    sandbox.pay(started.session_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SET session_replication_role = replica; DELETE FROM billing_purchase;"
            " DELETE FROM billing_purchaseevent; SET session_replication_role = origin"
        )
    report = reconcile_now()
    (finding,) = report.open
    assert (finding.kind, finding.session_id) == ("session_unknown", started.session_id)
    assert str(started.purchase.pk) in finding.detail
    assert not Entry.objects.exists()


def test_a_session_of_another_system_is_none_of_our_business(sandbox: Sandbox) -> None:
    client = stripe_gateway._client()
    price: Any = {"currency": "usd", "unit_amount": 100, "product_data": {"name": "A book"}}
    session = client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price_data": price, "quantity": 1}],
            "success_url": "http://testserver/done",
        }
    )
    sandbox.pay(session.id)
    report = reconcile_now()
    assert (report.sessions, report.repaired, report.open) == (1, [], [])


def completed(sandbox: Sandbox, user: User) -> Purchase:
    sandbox.pay(start(user, "standard").session_id)
    sweep_open_purchases()
    purchase = Purchase.objects.get()
    assert purchase.status == Status.COMPLETED
    return purchase


def test_credits_whose_session_stripe_does_not_have_are_left_to_a_person(
    sandbox: Sandbox, user: User
) -> None:
    purchase = completed(sandbox, user)
    sandbox.post("/_sandbox/reset")
    assert reconcile_now().open == [
        Finding(
            "missing_at_stripe",
            "completed here, but Stripe has no such session",
            str(purchase.pk),
            purchase.stripe_session_id or "",
        )
    ]
    assert Account.objects.get().balance == 5000  # nothing is taken back by itself


def test_credits_that_stripe_says_are_not_paid_are_left_to_a_person(sandbox: Sandbox, user: User) -> None:
    paid = completed(sandbox, user)
    unpaid = start(user, "standard")
    with connection.cursor() as cursor:  # as a repair by hand might leave it
        cursor.execute(
            "SET session_replication_role = replica; DELETE FROM billing_purchaseevent;"
            " DELETE FROM billing_purchase WHERE status = 'pending'; SET session_replication_role = origin"
        )
    Purchase.objects.update(stripe_session_id=unpaid.session_id)
    (finding,) = [finding for finding in reconcile_now().open if finding.kind == "credited_not_paid"]
    assert (finding.purchase_id, finding.session_id) == (str(paid.pk), unpaid.session_id)


def test_a_completed_purchase_without_its_entry_is_left_to_a_person(sandbox: Sandbox, user: User) -> None:
    purchase = completed(sandbox, user)
    with connection.cursor() as cursor:
        cursor.execute(
            "SET session_replication_role = replica; UPDATE credits_entry SET key = 'something else';"
            " SET session_replication_role = origin"
        )
    assert reconcile_now().open == [
        Finding("completed_without_credits", "no entry in the ledger", str(purchase.pk))
    ]


def test_an_entry_whose_purchase_is_not_completed_is_left_to_a_person(sandbox: Sandbox, user: User) -> None:
    purchase = completed(sandbox, user)
    Purchase.objects.update(status=Status.EXPIRED, completed_at=None)
    sandbox.post("/_sandbox/reset")
    assert reconcile_now().open == [Finding("credits_without_purchase", "it is expired", str(purchase.pk))]


def test_a_payment_that_does_not_agree_is_reported_each_time_until_staff_have_dealt_with_it(
    sandbox: Sandbox, user: User
) -> None:
    sandbox.pay(start(user, "standard").session_id)
    Purchase.objects.update(price_minor=1)
    for _ in range(2):
        report = reconcile_now()
        assert (report.repaired, kinds(report.open)) == ([], ["amount_differs"])
    assert PurchaseEvent.objects.filter(what="held_back").count() == 1
    assert not Entry.objects.exists()


def test_only_the_period_is_compared(sandbox: Sandbox, user: User) -> None:
    started = start(user, "standard")
    sandbox.pay(started.session_id)
    now = timezone.now()
    for period in [(now - 2 * HOUR, now - HOUR), (now + HOUR, now + 2 * HOUR)]:
        report = reconcile(*period)
        assert (report.sessions, report.purchases) == (0, 0)
    assert Purchase.objects.get().status == Status.PENDING


def test_a_period_of_many_pages_is_compared_to_the_end(
    sandbox: Sandbox, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe_gateway, "LIST_PAGE", 2)
    for _ in range(5):
        sandbox.pay(start(user, "starter").session_id)
    sandbox.delete("/_sandbox/requests")
    shares: list[float] = []
    report = reconcile(timezone.now() - HOUR, timezone.now() + HOUR, shares.append)
    assert (report.sessions, report.purchases, len(report.repaired)) == (5, 5, 5)
    assert len(sandbox.calls()) == 3  # five sessions in pages of two, and nothing asked twice
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)
    assert shares[-1] == 1
    check_settled_books(sandbox)


def test_reconciling_again_changes_nothing(sandbox: Sandbox, user: User) -> None:
    sandbox.pay(start(user, "standard").session_id)
    sandbox.expire(start(user, "starter").session_id)
    assert len(reconcile_now().repaired) == 2
    before = list(PurchaseEvent.objects.values_list("pk", flat=True))
    report = reconcile_now()
    assert (report.repaired, report.open, report.sessions, report.purchases) == ([], [], 2, 2)
    assert list(PurchaseEvent.objects.values_list("pk", flat=True)) == before


# --- The command ---------------------------------------------------------------------------------------------------


def test_the_command_says_what_it_repaired_and_leaves_with_0(sandbox: Sandbox, user: User) -> None:
    started = start(user, "standard")
    sandbox.pay(started.session_id)
    assert run_command() == (
        0,
        f"repaired: paid_not_credited: {started.purchase.pk}: pending → completed\n"
        "Compared 1 sessions and 1 purchases; repaired 1; left to a person: nothing.\n",
    )
    assert run_command()[1].startswith("Compared 1 sessions and 1 purchases; repaired 0;")
    check_settled_books(sandbox)


def test_the_command_names_what_it_could_not_repair_and_leaves_with_1(sandbox: Sandbox, user: User) -> None:
    started = start(user, "standard")
    sandbox.pay(started.session_id)
    Purchase.objects.update(price_minor=1)
    code, out = run_command()
    assert code == 1
    assert out == (
        f"needs a person: amount_differs: {started.purchase.pk}: paid 4500, priced 1 (minor units)\n"
        "Compared 1 sessions and 1 purchases; repaired 0; left to a person: 1 amount_differs.\n"
    )


def test_the_command_compares_any_period(sandbox: Sandbox, user: User) -> None:
    sandbox.pay(start(user, "standard").session_id)
    today = timezone.now().astimezone(datetime.UTC).date()
    earlier = str(today - datetime.timedelta(days=9))
    assert "Compared 0 sessions" in run_command("--from", earlier, "--to", earlier)[1]
    assert "Compared 1 sessions" in run_command("--from", str(today), "--to", str(today))[1]
    check_settled_books(sandbox)


def test_the_command_stops_when_stripe_is_down_and_keeps_what_it_repaired(
    sandbox: Sandbox, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe_gateway, "LIST_PAGE", 2)
    for _ in range(4):
        sandbox.pay(start(user, "starter").session_id)
    sandbox.fault(method="GET", path="/v1/checkout/sessions", delay_ms=0, times=1)
    sandbox.fault(method="GET", path="/v1/checkout/sessions", status=503, times=1)
    with pytest.raises(CommandError, match="What was repaired so far stays; run the command again"):
        run_command()
    assert Purchase.objects.filter(status=Status.COMPLETED).count() == 2
    check_books(sandbox)
    assert run_command()[0] == 0
    check_settled_books(sandbox)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--from", "yesterday"],
            "'yesterday' is no date or time. Write 2026-11-21 or 2026-11-21T14:00:00Z.",
        ),
        (["--from", "2026-02-30"], "'2026-02-30' is no date"),
        (["--to", "2026-11-21T25:00:00Z"], "'2026-11-21T25:00:00Z' is no date"),
        (["--from", "2026-11-21", "--to", "2026-11-20"], "ends .* before it begins"),
        (["--from", "2999-01-01"], "ends .* before it begins"),
    ],
)
def test_a_period_that_is_none_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run_command(*arguments)
