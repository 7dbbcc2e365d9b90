"""What Stripe knows of subscriptions and invoices, and we don't, is found by comparing: repaired, or left to staff."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import User
from billing.errors import NoTerms, NotRepairable
from billing.plans.models import Plan
from billing.provider.errors import StripeRefused, StripeUnavailable
from billing.purchases.models import Purchase
from billing.reconciliation.findings import is_repairable, repair_finding
from billing.reconciliation.models import ReconciliationFinding, ReconciliationRun, SeenSubscription
from billing.reconciliation.runs import begin_run, resume_run
from billing.subscriptions.models import Subscription, SubscriptionInvoice
from billing.subscriptions.subscribing import subscribe
from credits.ledger.endings import close
from credits.ledger.models import Account
from credits.ledger.operations import open_account
from tests.billing.odd_world import fail_after, past_the_guards
from tests.billing.reporting import HOUR, kinds, reconcile_now
from tests.billing.syncing import at_stripe
from tests.customers.restricted_key import KEY, documented
from tests.returns.owing import client_of_stripe
from tests.subscriptions.story import balance, fresh, lots, take_plan
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

STAFF = uuid4()
INVOICES, SUBSCRIPTIONS = "/v1/invoices", "/v1/subscriptions"


@pytest.fixture
def taken(sandbox: Sandbox, ada: User, account: Account) -> Subscription:
    """A plan, after which nothing that Stripe tells arrives."""
    taken = take_plan(sandbox, ada)
    sandbox.hold_webhooks()
    return taken


def asked(sandbox: Sandbox, since: int = 0) -> list[str]:
    """Which paths about plans Stripe was asked for."""
    paths = [call["path"] for call in sandbox.calls()[since:]]
    return [path for path in paths if path.startswith((INVOICES, SUBSCRIPTIONS))]


def waiting() -> list[tuple[str, str, int]]:
    rows = ReconciliationFinding.objects.filter(state="waiting").order_by("id")
    return list(rows.values_list("kind", "detail", "times"))


def test_a_plan_and_renewals_that_nothing_was_heard_of_are_granted_and_found_once(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    sandbox.hold_webhooks()
    started = subscribe(ada, account, "plus")
    sandbox.pay(started.session_id)
    report = reconcile_now()
    assert (kinds(report.repaired), report.open) == (["paid_not_credited"], [])
    assert report.repaired[0].purchase_id == str(Purchase.objects.get().pk)
    assert (fresh(started.subscription).status, lots(account)) == ("active", [Decimal(5000)])
    for _ in range(2):
        sandbox.renew(str(fresh(started.subscription).stripe_subscription_id))
    report = reconcile_now()
    assert (kinds(report.repaired), report.open) == (["paid_not_credited"] * 2, [])
    assert (lots(account), balance(account)) == ([Decimal(5000)] * 3, Decimal(15_000))
    report = reconcile_now()
    assert (report.repaired, report.open) == ([], [])
    call_command("check_ledger", stdout=StringIO())


def test_what_agrees_is_no_issue_and_a_shop_without_plans_asks_nothing_more(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    reconcile_now()
    assert asked(sandbox) == [INVOICES]
    take_plan(sandbox, ada)
    since = len(sandbox.calls())
    report = reconcile_now()
    assert (report.repaired, report.open, asked(sandbox, since)) == ([], [], [INVOICES, SUBSCRIPTIONS])
    run = ReconciliationRun.objects.latest("id")
    assert (run.invoices, run.subscriptions, SeenSubscription.objects.count()) == (1, 1, 0)
    out = StringIO()
    call_command("reconcile", stdout=out)
    assert (
        "Compared 1 sessions, 0 payments and 1 purchases, 1 invoices of plans and 1 subscriptions;"
        in out.getvalue()
    )


def test_without_plans_the_key_needs_no_permission_for_them_and_with_plans_the_documented_ones(
    sandbox: Sandbox, ada: User, account: Account, settings: Any
) -> None:
    sandbox.restrict_key(KEY, *documented() - {"invoice_read", "subscription_write"})
    settings.STRIPE_SECRET_KEY = KEY
    Plan.objects.update(is_active=False)
    assert (reconcile_now().open, asked(sandbox)) == ([], [])
    Plan.objects.update(is_active=True)
    with pytest.raises(StripeRefused):
        reconcile_now()
    sandbox.restrict_key(KEY, *documented())
    sandbox.hold_webhooks()
    sandbox.pay(subscribe(ada, account, "plus").session_id)
    assert kinds(reconcile_now().repaired) == ["paid_not_credited"]


@pytest.mark.parametrize("what", ["ending", "price", "end", "closed account", "end here"])
def test_a_subscription_that_differs_is_brought_up_to_date(
    sandbox: Sandbox, taken: Subscription, what: str
) -> None:
    path = f"subscriptions/{taken.stripe_subscription_id}"
    if what == "ending":
        at_stripe(sandbox, path, cancel_at_period_end="true")
    elif what == "price":
        price = Plan.objects.get(code="max").stripe_price_id
        item = {"items[0][id]": taken.stripe_item_id, "items[0][price]": price, "proration_behavior": "none"}
        at_stripe(sandbox, path, **item)
    elif what == "end":
        sandbox.change_object("subscription", str(taken.stripe_subscription_id), {"status": "canceled"})
    elif what == "closed account":
        close(taken.account_id)
    else:
        Subscription.objects.update(status="canceled")
    report = reconcile_now()
    assert (kinds(report.repaired), report.open) == (["subscription_behind"], [])
    now = fresh(taken)
    expected = {
        "ending": (now.cancel_at_period_end, True),
        "price": (now.terms.plan_code, "max"),
        "end": (now.status, "canceled"),
        "closed account": (now.status, "canceled"),
        "end here": (now.status, "active"),
    }
    seen, wanted = expected[what]
    assert seen == wanted
    report = reconcile_now()
    assert (report.repaired, report.open) == ([], [])


def test_an_invoice_that_is_paid_at_a_price_of_no_plan_waits_for_staff_until_it_is_granted(
    sandbox: Sandbox, ada: User, taken: Subscription
) -> None:
    price = {"product": Plan.objects.get(code="plus").stripe_product_id, "currency": "usd"}
    at_stripe(sandbox, "prices", **price, **{"unit_amount": "900", "recurring[interval]": "month"})
    other = sandbox.objects("price")[-1]["id"]
    item = {"items[0][id]": taken.stripe_item_id, "items[0][price]": other, "proration_behavior": "none"}
    at_stripe(sandbox, f"subscriptions/{taken.stripe_subscription_id}", **item)
    reconcile_now()
    assert [kind for kind, *_rest in waiting()] == ["subscription_price_unknown"]
    sandbox.renew(str(taken.stripe_subscription_id))
    for _ in range(2):
        reconcile_now()
    invoice = sandbox.objects("invoice")[-1]["id"]
    assert waiting() == [
        ("subscription_price_unknown", f"{taken.stripe_subscription_id}: no plan has its price {other}", 3),
        ("invoice_not_granted", f"{invoice}: No plan has the Stripe price {other}.", 2),
    ]
    rows = list(ReconciliationFinding.objects.filter(state="waiting").order_by("id"))
    assert all(is_repairable(row) and row.subscription == taken for row in rows)
    for row in rows:
        with pytest.raises(NoTerms):
            repair_finding(row.pk, STAFF)
    moved_back = {**item, "items[0][price]": Plan.objects.get(code="plus").stripe_price_id}
    at_stripe(sandbox, f"subscriptions/{taken.stripe_subscription_id}", **moved_back)
    assert repair_finding(rows[0].pk, STAFF).state == "settled"
    Plan.objects.filter(code="max").update(stripe_price_id=other, stripe_price_minor=900, price_minor=900)
    assert repair_finding(rows[1].pk, STAFF).state == "settled"
    assert lots(taken.account) == [Decimal(5000), Decimal(20_000)]
    report = reconcile_now()
    assert (report.repaired, report.open) == ([], [])


def test_what_is_at_stripe_and_nowhere_here_is_one_issue(sandbox: Sandbox, taken: Subscription) -> None:
    """Its money was taken, by another installation or before the database was lost."""
    Subscription.objects.update(stripe_subscription_id="sub_gone")
    for _ in range(2):
        reconcile_now()
    stripe_id = sandbox.objects("subscription")[0]["id"]
    (unknown, detail, times), missing = waiting()
    assert (unknown, detail.split(":")[0], str(taken.pk) in detail, times) == (
        "subscription_unknown",
        stripe_id,
        True,
        2,
    )
    assert missing == ("missing_at_stripe", "sub_gone: active here, but Stripe has no such subscription", 2)
    gone, found = ReconciliationFinding.objects.all()
    with pytest.raises(NotRepairable):
        repair_finding(found.pk, STAFF)
    sandbox.fault(method="GET", path=f"{SUBSCRIPTIONS}/sub_gone", status=503, times=None)
    with pytest.raises(StripeUnavailable):
        repair_finding(gone.pk, STAFF)
    assert fresh(taken).status == "active"
    sandbox.delete("/_sandbox/faults")
    assert repair_finding(gone.pk, STAFF).state == "settled"
    ended = fresh(taken)
    assert (ended.status, ended.ended_at is not None, lots(taken.account)) == (
        "canceled",
        True,
        [Decimal(5000)],
    )


def test_a_subscription_that_was_missing_and_is_found_again_is_synced(
    sandbox: Sandbox, taken: Subscription
) -> None:
    there = taken.stripe_subscription_id
    Subscription.objects.update(stripe_subscription_id="sub_gone")
    reconcile_now()
    Subscription.objects.update(stripe_subscription_id=there)
    row = ReconciliationFinding.objects.get(kind="missing_at_stripe")
    ReconciliationFinding.objects.filter(pk=row.pk).update(key=f"missing_at_stripe:{there}")
    assert repair_finding(row.pk, STAFF).state == "settled"
    assert fresh(taken).status == "active"


def test_a_subscription_whose_reference_was_lost_at_stripe_is_an_issue(
    sandbox: Sandbox, taken: Subscription
) -> None:
    sandbox.change_object("subscription", str(taken.stripe_subscription_id), {"metadata": {}})
    reconcile_now()
    assert [kind for kind, *_rest in waiting()] == ["subscription_unknown"]


def test_another_products_subscription_is_no_issue(sandbox: Sandbox, ada: User, taken: Subscription) -> None:
    price = Plan.objects.get(code="max").stripe_price_id
    for metadata in ({}, {"subscription_id": "17"}, {"team": str(uuid4())}):
        made = client_of_stripe().v1.checkout.sessions.create(
            {
                "mode": "subscription",
                "line_items": [{"price": price, "quantity": 1}],
                "subscription_data": {"metadata": metadata},
                "success_url": "https://example.com/",
            }
        )
        sandbox.pay(made.id)
    report = reconcile_now()
    assert (report.repaired, report.open, len(sandbox.objects("subscription"))) == ([], [], 4)
    run = ReconciliationRun.objects.get()
    assert (run.invoices, run.subscriptions) == (1, 1)


def test_a_second_subscription_that_charges_is_an_issue_until_it_is_canceled(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    sandbox.hold_webhooks()
    closed = subscribe(ada, account, "plus")
    sandbox.pay(closed.session_id)
    Subscription.objects.update(status="expired")
    taken = subscribe(ada, account, "plus")
    sandbox.pay(taken.session_id)
    report = reconcile_now()
    assert kinds(report.repaired) == ["paid_not_credited"]
    assert sorted(kind for kind, *_rest in waiting()) == ["invoice_not_granted", "second_subscription"]
    row = ReconciliationFinding.objects.get(kind="second_subscription")
    assert (row.subscription, repair_finding(row.pk, STAFF).state) == (closed.subscription, "waiting")
    client_of_stripe().v1.subscriptions.cancel(row.object_id)
    assert repair_finding(row.pk, STAFF).state == "settled"
    assert lots(account) == [Decimal(5000)] * 2


def test_credits_whose_money_stripe_does_not_show_are_an_issue(sandbox: Sandbox, taken: Subscription) -> None:
    payment, invoice = sandbox.objects("invoice_payment")[0], sandbox.objects("invoice")[0]
    sandbox.change_object("invoice_payment", payment["id"], {"amount_paid": 3999})
    assert kinds(reconcile_now().open) == ["credited_amount_differs"]
    sandbox.change_object("invoice", invoice["id"], {"status": "void"})
    report = reconcile_now()
    (found,) = report.open
    assert (found.kind, found.purchase_id) == ("credited_not_paid", str(Purchase.objects.get().pk))
    assert report.repaired == []


def test_a_purchase_whose_invoice_was_not_listed_has_it_looked_up(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    sandbox.advance(1200)  # so that its invoice is of another period
    take_plan(sandbox, ada)
    invoice = sandbox.objects("invoice")[0]["id"]
    report = reconcile_now()
    assert (report.repaired, report.open, f"{INVOICES}/{invoice}" in asked(sandbox)) == ([], [], True)
    sandbox.change_object("invoice", invoice, {"status": "void"})
    assert kinds(reconcile_now().open) == ["credited_not_paid"]
    past_the_guards("UPDATE purchases_purchase SET stripe_invoice_id = %s", "in_gone")
    assert kinds(reconcile_now().open) == ["missing_at_stripe"]


def test_an_invoice_that_belongs_to_another_row_stops_nothing(sandbox: Sandbox, taken: Subscription) -> None:
    past_the_guards("UPDATE subscriptions_subscriptioninvoice SET stripe_invoice_id = %s", "in_other")
    reconcile_now()
    assert sorted(kind for kind, *_rest in waiting()) == ["ids_taken", "invoice_not_granted"]
    assert lots(taken.account) == [Decimal(5000)]


def test_an_invoice_that_is_paid_here_too_and_brought_nothing_is_an_issue(
    sandbox: Sandbox, taken: Subscription
) -> None:
    past_the_guards(
        "UPDATE subscriptions_subscriptioninvoice SET purchase_id = NULL WHERE status = %s", "paid"
    )
    for _ in range(2):
        reconcile_now()
    ((kind, detail, times),) = waiting()
    assert (kind, times) == ("invoice_not_granted", 2)
    assert detail.endswith(": paid 4000 usd (minor units), and nothing was granted")
    assert repair_finding(ReconciliationFinding.objects.get().pk, STAFF).state == "waiting"
    assert lots(taken.account) == [Decimal(5000)]  # its credits are there, and never twice


def test_an_invoice_whose_status_differs_is_brought_up_to_date(
    sandbox: Sandbox, ada: User, account: Account
) -> None:
    Plan.objects.update(trial_days=14)
    taken = take_plan(sandbox, ada)
    SubscriptionInvoice.objects.update(status="open")
    report = reconcile_now()
    assert [found.detail.split(": ")[1] for found in report.repaired] == [
        f"{taken.invoices.get().stripe_invoice_id} open → paid"
    ]
    assert reconcile_now().repaired == []


@pytest.mark.parametrize("calls", [4, 7])
def test_a_run_that_stops_again_and_again_finds_each_once(
    sandbox: Sandbox, shop: None, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.stripe.gateway.LIST_PAGE", 1)
    monkeypatch.setattr("billing.reconciliation.subscriptions.OWN_PAGE", 1)
    taken = [take_plan(sandbox, UserFactory.create()) for _ in range(3)]
    sandbox.hold_webhooks()
    missed = [subscribe(user, open_account(user), "plus") for user in UserFactory.create_batch(2)]
    for started in missed:
        sandbox.pay(started.session_id)
    for row in taken:
        sandbox.change_object("subscription", str(row.stripe_subscription_id), {"status": "canceled"})
    run, stops = begin_run(timezone.now() - HOUR, timezone.now(), ReconciliationRun.Source.STAFF), 0
    while ReconciliationRun.objects.get().stage:
        fail_after(sandbox, calls)
        try:
            resume_run(run.pk)
        except StripeUnavailable:
            stops += 1
    assert stops > 1
    found = Counter(ReconciliationFinding.objects.values_list("kind", "state"))
    assert found == {("paid_not_credited", "repaired"): 2, ("subscription_behind", "repaired"): 3}
    assert Purchase.objects.count() == 5
    assert not SeenSubscription.objects.exists()
