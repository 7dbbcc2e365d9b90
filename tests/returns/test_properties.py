"""Whatever happens to payments and credits, in whatever order it is reported: every credit and every cent is accounted
for, and nobody ends with both the money and the credits.

Hypothesis draws what buyers, services, staff, banks, Stripe and its deliveries do. What went back is asked of the local
Stripe where all has been told, never of our own tables.
"""

from __future__ import annotations

import datetime
import os
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from billing.inbox.models import InboxEvent
from billing.purchases.models import Payment, Purchase
from billing.refunds.claims import credits_for
from billing.refunds.models import Dispute, Refund
from billing.reporting.daily_figures import bring_figures_up_to_date
from billing.reporting.models import ReturnsDay
from credits.ledger.models import Account, Clawback, Entry, Lot
from credits.proof.checking import find_violations
from tests.billing.database_faults import RETURNS, failing_commits
from tests.figures.plain_count import differing
from tests.returns.world import STEPS, World
from tests.support.effort import effort
from tests.support.emptying import empty_tables
from tests.support.sandbox import Sandbox

ROUNDING = Fraction(1, 10**6)
LIKELY = [
    "deliver",
    "refund_a_part",
    "refund_at_stripe",
    "dispute",
    "decide",
    "spend",
    "hold",
    "release",
    "give",
]
STORIES = st.lists(
    st.tuples(st.sampled_from([*sorted(STEPS), *LIKELY]), st.integers(0, 5)), min_size=4, max_size=16
)
# The classes of outflows.
USED, EXPIRED = {"spend", "offset"}, {"expiry"}
WRITTEN_OFF, TAKEN = {"adjustment", "forfeit"}, {"refund", "dispute"}


def check() -> None:
    """After each step."""
    assert list(find_violations()) == []
    for payment in Payment.objects.filter(lot__isnull=False).select_related("purchase", "lot"):
        returned = sum(row.counted_minor or 0 for row in standing(payment))
        check_every_cent(payment, returned)
        check_spendable(payment, min(returned, payment.amount_minor))


def standing(payment: Payment) -> list[Any]:
    return [
        *payment.refunds.filter(status__in=Refund.STANDING),
        *payment.disputes.filter(status__in=Dispute.STANDING),
    ]


def check_every_cent(payment: Payment, returned: int) -> None:
    """Deferred, recognised, breakage, written off and returned come to what was paid, to the last fraction; also of
    what was given to others.
    """
    worth = dict.fromkeys(["deferred", "used", "breakage", "written off", "taken"], Fraction(0))
    for lot in [payment.lot, *Lot.objects.filter(origin_lot=payment.lot_id)]:
        assert lot is not None
        price = Fraction(lot.cost_minor or 0) / Fraction(lot.cost_credits or lot.amount)
        worth["deferred"] += Fraction(lot.remaining) * price
        for entry in Entry.objects.filter(account=lot.account_id, lots__contains=[lot.pk]):
            out = -sum(Fraction(move.amount) for move in entry.movements if move.lot_id == lot.pk) * price
            for name, kinds in (
                ("used", USED),
                ("breakage", EXPIRED),
                ("written off", WRITTEN_OFF),
                ("taken", TAKEN),
            ):
                worth[name] += out if entry.kind in kinds else 0
    recognised = worth["used"] + worth["breakage"] - (returned - worth["taken"])
    assert worth["deferred"] + recognised + worth["written off"] + returned == payment.amount_minor


def check_spendable(payment: Payment, returned: int) -> None:
    """Nobody can spend credits of a purchase whose money they have back."""
    lot, paid = payment.lot, payment.amount_minor
    assert lot is not None
    free = Fraction(lot.remaining - lot.held)
    assert free <= Fraction(payment.purchase.credits) * (paid - returned) / paid + ROUNDING


def check_rest(sandbox: Sandbox) -> None:
    """Once all has been told, by what the local Stripe says."""
    check()
    assert not InboxEvent.objects.filter(status="failed").exists()
    assert not Refund.objects.filter(status="requested").exists()
    for payment in Payment.objects.filter(lot__isnull=False).select_related("purchase"):
        purchase = payment.purchase
        refunded = money_back(sandbox, "refund", Refund.STANDING, payment)
        disputed = money_back(sandbox, "dispute", Dispute.STANDING, payment)
        assert purchase.refunded_minor == refunded
        claimed = sum(Clawback.objects.filter(lot=payment.lot_id).values_list("amount", flat=True))
        assert claimed == credits_for(purchase, refunded + disputed)
        assert (purchase.status == "disputed") == (disputed > 0)
    assert every_paid_purchase(sandbox) == set(Purchase.objects.exclude(completed_at=None))
    for account in Account.objects.all():
        assert account.balance == sum(account.entries.values_list("amount", flat=True))
    bring_figures_up_to_date()
    assert differing() == []
    assert sum(ReturnsDay.objects.values_list("refunded_minor", flat=True)) <= paid_for_packs(sandbox)


def money_back(sandbox: Sandbox, kind: str, statuses: tuple[str, ...], payment: Payment) -> int:
    """In the currency of the payment."""
    return sum(
        in_dollars(row)
        for row in sandbox.objects(kind)
        if row["status"] in statuses and row["payment_intent"] == payment.stripe_payment_intent_id
    )


def in_dollars(row: dict[str, Any]) -> int:
    if row["currency"] == "usd":
        return int(row["amount"])
    moved = row.get("balance_transactions") or []
    return -sum(int(one["amount"]) for one in moved if one["amount"] < 0)


def every_paid_purchase(sandbox: Sandbox) -> set[Purchase]:
    paid = [row for row in sandbox.objects("checkout.session") if row["payment_status"] == "paid"]
    return set(Purchase.objects.filter(stripe_session_id__in=[row["id"] for row in paid]))


def paid_for_packs(sandbox: Sandbox) -> int:
    intents = set(Payment.objects.values_list("stripe_payment_intent_id", flat=True))
    return sum(
        row["amount"] for row in sandbox.objects("charge") if row["paid"] and row["payment_intent"] in intents
    )


@pytest.fixture(autouse=True)
def _sweep_at_once(settings: Any) -> None:
    settings.SWEEP_AFTER = datetime.timedelta(0)


@pytest.mark.django_db(transaction=True)
@settings(
    max_examples=effort(5, 100),
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)
@example(
    [("refund_at_stripe", 2), ("dispute", 1), ("deliver_what_goes_back", 0), ("decide", 0), ("deliver", 2)]
)
@example(
    [("deliver", 0), ("refund_and_lose_the_answer", 5), ("refund_at_stripe", 3), ("deliver", 0), ("sweep", 0)]
)
@example([("deliver", 0), ("spend", 3), ("refund_the_rest", 1), ("fail_a_refund", 0), ("deliver", 1)])
@example(
    [("deliver", 0), ("refund_and_lose_the_answer", 2), ("drop", 0), ("sweep", 0), ("refund_the_rest", 0)]
)
@example([("deliver", 0), ("hold", 5), ("refund_the_rest", 1), ("deliver", 0), ("release", 0)])
@example([("buy_again", 3), ("deliver_what_goes_back", 0), ("deliver", 1), ("give", 1), ("give_back", 1)])
@example([("deliver", 0), ("give", 5), ("give_back", 5), ("dispute", 1), ("deliver", 0), ("decide", 1)])
@example([("deliver", 0), ("adjust", 0), ("refund_the_rest", 1), ("undo", 0), ("deliver", 0)])
@example(
    [
        ("deliver", 0),
        ("pay_again", 0),
        ("dispute", 4),
        ("deliver", 0),
        ("refund_at_stripe", 1),
        ("deliver", 2),
    ]
)
@given(story=STORIES)
def test_every_credit_and_every_cent_is_accounted_for(sandbox: Sandbox, story: list[tuple[str, int]]) -> None:
    empty_tables()
    with failing_commits(times=0, of=RETURNS):
        world = World(sandbox)
        for name, number in story:
            STEPS[name](world, number)
            check()
    world.come_to_rest()
    check_rest(sandbox)
