"""A shop in which Stripe and the books disagree in every way that reconciliation knows."""

from __future__ import annotations

import datetime
import uuid
from collections import Counter
from typing import Any

from django.db import connection
from django.utils import timezone

from billing.purchases.models import Purchase
from billing.reconciliation.comparing import sweep_open_purchases
from billing.reconciliation.models import ReconciliationRun, SeenPurchase
from billing.reconciliation.runs import begin_run
from tests.returns.asking import refund_in_dashboard
from tests.support.builders import UserFactory, start
from tests.support.sandbox import Sandbox

HOUR = datetime.timedelta(hours=1)
SESSIONS = 16
# What a run finds, and how it is handled.
FOUND = Counter(
    {
        ("paid_not_credited", "repaired"): 3,
        ("status_behind", "repaired"): 2,
        ("no_checkout", "repaired"): 1,
        ("returned_not_here", "repaired"): 2,
        ("amount_differs", "waiting"): 1,
        ("credited_amount_differs", "waiting"): 1,
        ("credited_not_paid", "waiting"): 1,
        # One whose purchase is gone, and those of three purchases that stand at another session now.
        ("session_unknown", "waiting"): 4,
        ("payment_unknown", "waiting"): 1,
        ("missing_at_stripe", "waiting"): 1,
        ("completed_without_credits", "waiting"): 1,
        ("credits_without_purchase", "waiting"): 1,
    }
)
CREDITED = ("refund", "dispute", "otherwise", "unpaid", "gone", "entry", "undone")


def make_odd_world(sandbox: Sandbox) -> None:
    """``SWEEP_AFTER`` must be nothing, and webhooks held."""
    credited = {name: _paid(sandbox) for name in CREDITED}
    sweep_open_purchases()
    unpaid = _opened()
    forget(unpaid)
    _paid(sandbox)
    _paid(sandbox)
    _change(_paid(sandbox), price_minor=1)
    sandbox.expire(_opened().stripe_session_id or "")
    forget(_paid(sandbox))
    _paid(sandbox)
    _change(_opened(), stripe_session_id=None)
    _never_called_for()
    _return_money(sandbox, credited["refund"], credited["dispute"])
    _change(credited["otherwise"], price_minor=1, paid_minor=1)
    _change(credited["unpaid"], stripe_session_id=unpaid.stripe_session_id)
    _change(credited["gone"], stripe_session_id="cs_test_gone")
    _change(credited["undone"], stripe_session_id="cs_test_other", status="expired", completed_at=None)
    _unname_payment(sandbox, credited["undone"])
    sandbox.pay_outright(metadata={"purchase_id": str(uuid.uuid4())})
    past_the_guards("UPDATE credits_entry SET key = 'lost' WHERE key = %s", credited["entry"].grant_key)


def found_by(run: ReconciliationRun) -> Counter[tuple[str, str]]:
    return Counter(run.findings.values_list("kind", "state"))


def begin() -> ReconciliationRun:
    return begin_run(timezone.now() - HOUR, timezone.now(), ReconciliationRun.Source.STAFF)


def now(run: ReconciliationRun) -> ReconciliationRun:
    return ReconciliationRun.objects.get(pk=run.pk)


def let_the_lease_run_out(run: ReconciliationRun) -> None:
    """As if its process had been silent for so long."""
    ReconciliationRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - HOUR)


def fail_after(sandbox: Sandbox, calls: int, path: str = "/v1/*") -> None:
    sandbox.delete("/_sandbox/faults")
    if calls:
        sandbox.fault(method="GET", path=path, delay_ms=0, times=calls)
    sandbox.fault(method="GET", path=path, status=503, times=None)


def check_whole(run: ReconciliationRun) -> None:
    run = now(run)
    assert (run.status, run.stage, run.share, run.failure) == ("done", "", 1, "")
    assert (found_by(run), run.sessions) == (FOUND, SESSIONS)
    assert not SeenPurchase.objects.exists()


def _opened() -> Purchase:
    return Purchase.objects.get(pk=start(UserFactory.create(), "starter").purchase.pk)


def _paid(sandbox: Sandbox) -> Purchase:
    purchase = _opened()
    sandbox.pay(purchase.stripe_session_id or "")
    return purchase


def _never_called_for() -> None:
    """A purchase whose process died before it asked Stripe for a checkout."""
    purchase = _opened()
    purchase.pk, purchase.stripe_session_id = uuid.uuid4(), None
    purchase.save(force_insert=True)


def _return_money(sandbox: Sandbox, refunded: Purchase, disputed: Purchase) -> None:
    refunded.refresh_from_db()
    disputed.refresh_from_db()
    refund_in_dashboard(refunded, 100)
    charges = {charge["payment_intent"]: charge["id"] for charge in sandbox.objects("charge")}
    sandbox.dispute(charges[disputed.stripe_payment_intent_id])


def _unname_payment(sandbox: Sandbox, purchase: Purchase) -> None:
    """Else the purchase would be credited again, by its payment."""
    purchase = Purchase.objects.get(pk=purchase.pk)
    sandbox.change_object("payment_intent", str(purchase.stripe_payment_intent_id), {"metadata": {}})


def _change(purchase: Purchase, **fields: Any) -> None:
    Purchase.objects.filter(pk=purchase.pk).update(**fields)


def forget(purchase: Purchase) -> None:
    past_the_guards("DELETE FROM purchases_purchaseevent WHERE purchase_id = %s", purchase.pk)
    past_the_guards("DELETE FROM purchases_purchase WHERE id = %s", purchase.pk)


def past_the_guards(statement: str, value: str | uuid.UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement, [value])
        cursor.execute("SET session_replication_role = origin")
