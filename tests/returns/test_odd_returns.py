"""One strange refund or dispute stops nothing: it is kept and reported, and whatever stands beside it goes on."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from accounts.models import User
from billing.inbox.models import InboxEvent
from billing.purchases.models import Payment, Purchase
from billing.reconciliation.comparing import sweep_open_purchases
from billing.reconciliation.models import ReconciliationFinding
from billing.refunds.models import Dispute, Refund
from billing.refunds.refunding import sync_refunds
from tests.billing.reporting import deliver, reconcile_now
from tests.returns.asking import refund, refund_in_dashboard
from tests.returns.owing import client_of_stripe
from tests.returns.selling import balance, buy, charge_of, fresh
from tests.support.builders import UserFactory, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


class Odd(NamedTuple):
    """What is strange, how its events end, what the comparison says, and whether the rest of it can be gone by."""

    fields: dict[str, Any]
    status: str
    finding: str
    counts: bool = False


ODD = {
    "no status": Odd({"status": None}, "applied", "unknown_status_at_stripe", counts=True),
    "an unknown status": Odd(
        {"status": "pre_arbitration"}, "applied", "unknown_status_at_stripe", counts=True
    ),
    "an amount of 0": Odd({"amount": 0}, "stored", "unreadable_at_stripe"),
    "an amount beyond all": Odd({"amount": 10**30}, "unreadable", "unreadable_at_stripe"),
    "no currency that there is": Odd({"currency": "dollars"}, "unreadable", "unreadable_at_stripe"),
    "no payment intent": Odd({"payment_intent": None}, "applied", "", counts=True),
    "neither intent nor charge": Odd({"payment_intent": None, "charge": None}, "unmatched", ""),
}
oddly = pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
either = pytest.mark.parametrize("kind", ["refund", "dispute"])
SOURCE = {
    "refund": ["refund.updated", "charge.refund.updated"],
    "dispute": ["charge.dispute.updated", "charge.dispute.funds_withdrawn"],
}


def return_some(sandbox: Sandbox, purchase: Purchase, kind: str) -> str:
    """Stripe's id of a refund or dispute of $9.00, which is 1,000 credits; nobody has told us yet."""
    if kind == "refund":
        return refund_in_dashboard(purchase, 900)
    sandbox.dispute(charge_of(sandbox, purchase), amount=900)
    return str(sandbox.objects("dispute")[-1]["id"])


def recorded(kind: str) -> list[tuple[Any, ...]]:
    model: Any = Refund if kind == "refund" else Dispute
    return list(model.objects.values_list("status", "amount_minor", "counted_minor", "currency"))


def how_stand(kind: str) -> set[str]:
    """The events that show the refund or dispute itself."""
    rows = InboxEvent.objects.filter(payload__data__object__object=kind)
    return set(rows.values_list("status", flat=True))


def arrive(sandbox: Sandbox) -> None:
    """Every event is answered with 200 and kept, so that none is sent again."""
    before = InboxEvent.objects.count()
    answers = deliver(sandbox)
    assert answers
    assert set(answers) == {200}
    assert InboxEvent.objects.count() == before + len(answers)
    assert deliver(sandbox) == []


# --- By webhook


@either
@oddly
def test_what_becomes_odd_stays_as_it_was_last_known(
    sandbox: Sandbox, purchase: Purchase, kind: str, odd: Odd
) -> None:
    made = return_some(sandbox, purchase, kind)
    arrive(sandbox)
    before = recorded(kind), fresh(purchase).status
    InboxEvent.objects.all().delete()
    sandbox.change_object(kind, made, odd.fields, tell=SOURCE[kind])
    arrive(sandbox)

    assert how_stand(kind) == {odd.status}
    assert (recorded(kind), fresh(purchase).status) == before
    assert balance(purchase) == 4000


@either
@oddly
def test_what_comes_odd_takes_credits_only_where_the_rest_of_it_tells(
    sandbox: Sandbox, purchase: Purchase, kind: str, odd: Odd
) -> None:
    sandbox.make_odd(kind, odd.fields)
    return_some(sandbox, purchase, kind)
    arrive(sandbox)

    assert how_stand(kind) == {odd.status}
    assert len(recorded(kind)) == odd.counts
    assert balance(purchase) == 5000 - 1000 * odd.counts


@pytest.mark.parametrize(("inquiry", "status"), [(False, "needs_response"), (True, "warning_needs_response")])
def test_of_a_dispute_whose_first_status_is_unknown_the_money_tells(
    sandbox: Sandbox, purchase: Purchase, inquiry: bool, status: str
) -> None:
    sandbox.make_odd("dispute", {"status": "pre_arbitration"})
    sandbox.dispute(charge_of(sandbox, purchase), amount=900, inquiry=inquiry)
    arrive(sandbox)

    assert Dispute.objects.get().status == status
    assert balance(purchase) == (5000 if inquiry else 4000)


@either
def test_the_inbox_says_what_was_unknown_and_a_known_status_goes_on_from_there(
    sandbox: Sandbox, purchase: Purchase, kind: str
) -> None:
    sandbox.make_odd(kind, {"status": "pre_arbitration"})
    made = return_some(sandbox, purchase, kind)
    arrive(sandbox)
    notes = InboxEvent.objects.filter(payload__data__object__object=kind).values_list("note", flat=True)
    assert set(notes) == {"Its status 'pre_arbitration' is unknown; the last known status is kept."}

    over = {"refund": "failed", "dispute": "won"}[kind]
    sandbox.change_object(kind, made, {"status": over}, tell=SOURCE[kind])
    arrive(sandbox)
    assert [row[0] for row in recorded(kind)] == [over]
    assert balance(purchase) == 5000


def test_a_charge_without_a_payment_intent_pays_for_nothing_even_if_it_names_a_purchase(
    sandbox: Sandbox, buyer: User
) -> None:
    purchase = start(buyer, "standard").purchase
    metadata = {"purchase_id": str(purchase.pk)}
    charge = sandbox.pay_outright(4500, intent=False, metadata=metadata)["charge"]["id"]
    client_of_stripe().v1.refunds.create({"charge": charge, "amount": 900})
    sandbox.dispute(charge)
    arrive(sandbox)

    about_money = InboxEvent.objects.exclude(type__startswith="customer.")
    assert set(about_money.values_list("status", flat=True)) == {"unmatched"}
    assert (fresh(purchase).status, Payment.objects.count()) == ("pending", 0)
    assert recorded("refund") == recorded("dispute") == []


@oddly
def test_an_odd_refund_that_is_told_of_before_its_payment_keeps_nobody_from_their_credits(
    sandbox: Sandbox, buyer: User, odd: Odd
) -> None:
    started = start(buyer, "standard")
    sandbox.pay(started.session_id)
    sandbox.make_odd("refund", odd.fields)
    refund_in_dashboard(sandbox.objects("payment_intent")[0]["id"], 900)
    assert set(deliver(sandbox, types=["refund.created"])) == {200}
    arrive(sandbox)

    assert fresh(started.purchase).is_credited
    assert balance(started.purchase) == 5000 - 1000 * odd.counts


# --- Asked for here


@pytest.mark.parametrize("fields", [{"status": None}, {"amount": 0}])
def test_our_own_refund_that_is_answered_oddly_waits_for_an_answer_and_holds_up_no_other(
    sandbox: Sandbox, purchase: Purchase, settings: Any, fields: dict[str, Any]
) -> None:
    settings.SWEEP_AFTER = -settings.SWEEP_AFTER
    sandbox.make_odd("refund", fields)
    odd = refund(purchase, 900)
    assert odd.status == "requested"
    for _ in range(3):
        sandbox.fault(method="POST", path="/v1/refunds", status=None)
    unanswered = refund(purchase, 450)
    sandbox.delete("/_sandbox/faults")
    sweep_open_purchases()

    unanswered.refresh_from_db()
    assert unanswered.status == "succeeded"
    assert balance(purchase) == 3500
    made = sandbox.objects("refund")[0]["id"]
    sandbox.change_object("refund", made, {"status": "succeeded", "amount": 900}, tell=["refund.updated"])
    sandbox.post("/_sandbox/webhooks/drop", {"types": ["refund.created", "charge.refunded"]})
    deliver(sandbox)
    odd.refresh_from_db()
    assert (odd.status, balance(purchase), Refund.objects.count()) == ("succeeded", 3500, 2)


def test_a_refund_that_nobody_can_read_holds_up_only_those_of_its_payment(
    sandbox: Sandbox, buyer: User, settings: Any
) -> None:
    settings.SWEEP_AFTER = -settings.SWEEP_AFTER
    unreadable, other = buy(sandbox, buyer), buy(sandbox, buyer)
    sandbox.fault(method="POST", path="/v1/refunds", status=None, times=2)
    unanswered = [refund(purchase, 900) for purchase in (unreadable, other)]
    made = refund_in_dashboard(unreadable, 100)
    sandbox.change_object("refund", made, {"currency": None})
    sweep_open_purchases()

    assert [Refund.objects.get(pk=row.pk).status for row in unanswered] == ["requested", "succeeded"]


# --- In the comparison


@either
@oddly
def test_the_comparison_reports_it_and_compares_what_comes_after_it(
    sandbox: Sandbox, buyer: User, kind: str, odd: Odd
) -> None:
    """The odd one stands between two others on one page, and nobody was told of any."""
    purchases = [buy(sandbox, buyer) for _ in range(3)]
    made = [return_some(sandbox, purchase, kind) for purchase in purchases]
    sandbox.post("/_sandbox/webhooks/drop")
    sandbox.change_object(kind, made[1], odd.fields)
    for _ in range(2):
        reconcile_now()

    assert len(recorded(kind)) == 2 + odd.counts
    assert balance(purchases[0]) == 15_000 - 1000 * (2 + odd.counts)
    waiting = ReconciliationFinding.objects.filter(state="waiting")
    assert [(row.kind, row.times) for row in waiting] == ([(odd.finding, 2)] if odd.finding else [])
    assert all(made[1] in row.detail for row in waiting), "staff see which one"


@either
@oddly
def test_the_comparison_leaves_what_is_known_as_it_was(
    sandbox: Sandbox, purchase: Purchase, kind: str, odd: Odd
) -> None:
    made = return_some(sandbox, purchase, kind)
    deliver(sandbox)
    before = recorded(kind), fresh(purchase).status
    sandbox.change_object(kind, made, odd.fields)
    report = reconcile_now()

    assert (recorded(kind), fresh(purchase).status, balance(purchase)) == (*before, 4000)
    assert [found.kind for found in report.open] == ([odd.finding] if odd.finding else [])
    assert report.repaired == []


@pytest.mark.parametrize("fields", [{"payment_status": None}, {"currency": "dollars"}, {"created": "now"}])
def test_an_odd_checkout_keeps_no_other_from_being_compared(
    sandbox: Sandbox, settings: Any, fields: dict[str, Any]
) -> None:
    settings.SWEEP_AFTER *= 0
    sessions = [start(UserFactory.create(), "standard") for _ in range(3)]
    for started in sessions:
        sandbox.pay(started.session_id)
    refund_in_dashboard(sandbox.objects("payment_intent")[0]["id"], 900)
    sandbox.change_object("checkout.session", sessions[1].session_id, fields)
    sandbox.post("/_sandbox/webhooks/drop")
    report = reconcile_now()

    # The odd one's payment can be read.
    assert all(fresh(started.purchase).is_credited for started in sessions)
    assert Refund.objects.count() == 1
    assert {found.kind for found in report.open} == {"unreadable_at_stripe"}
    assert all(sessions[1].session_id in found.detail for found in report.open)


@pytest.mark.parametrize("fields", [{"status": None}, {"amount": 0}])
def test_asking_for_all_refunds_of_a_payment_takes_the_others(
    sandbox: Sandbox, purchase: Purchase, fields: dict[str, Any]
) -> None:
    made = [refund_in_dashboard(purchase, 900) for _ in range(3)]
    sandbox.change_object("refund", made[1], fields)
    sync_refunds(purchase.payments.get().pk)

    assert Refund.objects.filter(stripe_refund_id__in=[made[0], made[2]]).count() == 2
