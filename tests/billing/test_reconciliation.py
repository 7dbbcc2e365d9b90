"""A period is compared with Stripe from both sides: what is safe is settled, the rest is named."""

from __future__ import annotations

import datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from accounts.models import User
from billing.checkout.closing import Finding
from billing.provider.interface import CheckoutRequest
from billing.purchases.models import Purchase, PurchaseEvent
from billing.reconciliation.comparing import sweep_open_purchases
from billing.stripe import client as stripe_client
from billing.stripe import gateway as stripe_gateway
from credits.ledger.models import Account, Entry
from tests.billing.books import check_books, check_settled_books
from tests.billing.reporting import HOUR, kinds, reconcile, reconcile_now, run_reconciliation
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Status = Purchase.Status


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox, settings: Any) -> None:
    put_on_sale()
    sandbox.hold_webhooks()  # nothing here gets a webhook
    settings.SWEEP_AFTER = datetime.timedelta(0)


@pytest.fixture
def user() -> User:
    user: User = UserFactory.create()
    return user


def run_command(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("reconcile", *arguments, stdout=out)
    except SystemExit as leaving:
        return int(leaving.code or 0), out.getvalue()
    return 0, out.getvalue()


# --- Reconciliation ------------------------------------------------------------------------------------------------


def test_a_purchase_that_is_being_started_is_not_closed_under_its_buyer(
    sandbox: Sandbox, user: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reconciling up to now meets purchases between our commit and Stripe's answer."""
    settings.SWEEP_AFTER = datetime.timedelta(minutes=10)
    create = stripe_gateway.create_checkout_session

    def create_meanwhile_reconciled(request: CheckoutRequest) -> Any:
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
            "SET session_replication_role = replica; DELETE FROM purchases_purchase;"
            " DELETE FROM purchases_purchaseevent; SET session_replication_role = origin"
        )
    report = reconcile_now()
    (finding,) = report.open
    assert (finding.kind, finding.session_id) == ("session_unknown", started.session_id)
    assert str(started.purchase.pk) in finding.detail
    assert not Entry.objects.exists()


def test_a_session_of_another_system_is_none_of_our_business(sandbox: Sandbox) -> None:
    client = stripe_client.client()
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
    assert Account.objects.get().balance == 5000  # nothing is clawed back automatically


def test_credits_that_stripe_says_are_not_paid_are_left_to_a_person(sandbox: Sandbox, user: User) -> None:
    paid = completed(sandbox, user)
    unpaid = start(user, "standard")
    with connection.cursor() as cursor:  # as a repair by hand might leave it
        cursor.execute(
            "SET session_replication_role = replica; DELETE FROM purchases_purchaseevent;"
            " DELETE FROM purchases_purchase WHERE status = 'pending'; SET session_replication_role = origin"
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
    report = reconcile(now - 2 * HOUR, now - HOUR)
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
    run = run_reconciliation(
        timezone.now() - HOUR, timezone.now(), progress=lambda run: shares.append(run.share)
    )
    assert (run.sessions, run.purchases, run.findings.count()) == (5, 5, 5)
    # Five sessions and payments in pages of two, nothing asked twice; then the refunds and the disputes, of which there
    # are none.
    assert [call["path"] for call in sandbox.calls()] == [
        *["/v1/checkout/sessions"] * 3, *["/v1/payment_intents"] * 3, "/v1/refunds", "/v1/disputes",
    ]  # fmt: skip
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
        "Compared 1 sessions, 1 payments and 1 purchases; repaired 1; needing action: nothing.\n",
    )
    assert run_command()[1].startswith("Compared 1 sessions, 1 payments and 1 purchases; repaired 0;")
    check_settled_books(sandbox)


def test_the_command_names_what_it_could_not_repair_and_leaves_with_1(sandbox: Sandbox, user: User) -> None:
    started = start(user, "standard")
    sandbox.pay(started.session_id)
    Purchase.objects.update(price_minor=1)
    code, out = run_command()
    assert code == 1
    assert out == (
        f"needs action: amount_differs: {started.purchase.pk}: paid 4500, priced 1 (minor units)\n"
        "Compared 1 sessions, 1 payments and 1 purchases; repaired 0; needing action: 1 amount_differs.\n"
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
    with pytest.raises(CommandError, match=r"Progress is saved; continue with `reconcile --resume \d+`"):
        run_command()
    assert Purchase.objects.filter(status=Status.COMPLETED).count() == 2
    check_books(sandbox)
    code, out = run_command("--resume")
    assert (code, out.splitlines()[-1]) == (
        0,
        "Compared 4 sessions, 4 payments and 4 purchases; repaired 4; needing action: nothing.",
    )
    check_settled_books(sandbox)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--from", "yesterday"],
            "'yesterday' is not a date or time. Use 2026-11-21 or 2026-11-21T14:00:00Z.",
        ),
        (["--from", "2026-02-30"], "'2026-02-30' is not a valid date"),
        (["--to", "2026-11-21T25:00:00Z"], "'2026-11-21T25:00:00Z' is not a valid date"),
        (["--from", "2026-11-21", "--to", "2026-11-20"], "ends .* before it starts"),
        (["--from", "2999-01-01"], "ends .* before it starts"),
    ],
)
def test_a_period_that_is_none_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run_command(*arguments)
