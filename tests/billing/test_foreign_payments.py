"""Another product sells on the same Stripe account: its money is kept in the inbox for a while, and is nowhere else."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from billing.admin.front_page import what_waits
from billing.inbox.models import InboxEvent
from billing.purchases.models import Payment, Purchase
from billing.refunds.models import Dispute, Refund
from billing.reporting.selectors import sales_in
from billing.webhooks.unmatched_events import EARLY_FOR, look_again
from credits.ledger.models import Account, Entry
from credits.proof.checking import find_violations
from tests.billing.reporting import deliver, reconcile_now, show_success_page
from tests.figures.counting import count
from tests.figures.plain_count import differing
from tests.returns.asking import refund_in_dashboard
from tests.returns.owing import client_of_stripe
from tests.returns.selling import buy
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

DECLINED = "4000000000009995"
DISPUTED_AT_ONCE = "4000000000000259"
MINUTE = datetime.timedelta(minutes=1)
# The others are of types that mean nothing here, whoever's they are.
MEANT = ("charge.succeeded", "charge.failed", "charge.refund", "charge.dispute", "refund", "checkout")
RETURNED = {
    "refund": ["refund.created", "refund.updated", "charge.refunded", "charge.refund.updated"],
    "dispute": ["charge.dispute.created", "charge.dispute.funds_withdrawn"],
}


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox, settings: Any) -> Iterator[None]:
    settings.STAFF_EMAIL = "money@example.com"
    put_on_sale()
    sandbox.hold_webhooks()
    yield
    assert list(find_violations()) == []


@pytest.fixture
def buyer() -> User:
    user: User = UserFactory.create()
    return user


def by_intent(sandbox: Sandbox) -> str:
    paid = sandbox.pay_outright(8000, metadata={"order": "7"})
    refund_in_dashboard(paid["payment_intent"]["id"], 3000)
    return str(paid["charge"]["id"])


def by_charge(sandbox: Sandbox) -> str:
    charge = sandbox.pay_outright(8000, intent=False)["charge"]["id"]
    client_of_stripe().v1.refunds.create({"charge": charge, "amount": 3000})
    return str(charge)


def by_checkout(sandbox: Sandbox) -> str:
    book: Any = {"currency": "usd", "unit_amount": 8000, "product_data": {"name": "A book"}}
    made = client_of_stripe().v1.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price_data": book, "quantity": 1}],
            "success_url": "https://example.com/",
        }
    )
    sandbox.pay(made.id)
    charge = sandbox.objects("charge")[-1]
    refund_in_dashboard(charge["payment_intent"], 3000)
    return str(charge["id"])


SALES = {"by intent": by_intent, "by charge": by_charge, "by checkout": by_checkout}


@pytest.fixture(params=SALES)
def foreign(request: pytest.FixtureRequest, sandbox: Sandbox, buyer: User) -> Sandbox:
    """Beside a purchase of ours, $80 that another product took: refunded in part, disputed, and not told of yet."""
    buy(sandbox, buyer)
    sandbox.dispute(SALES[request.param](sandbox))
    return sandbox


def seen_by_staff() -> tuple[Any, ...]:
    """The figures, the lists of work, and the jobs that were given out, but for those of the mirror."""
    count()
    assert differing() == []
    sold = sales_in(None, timezone.now().date(), "usd")
    given_out = ProcrastinateJob.objects.exclude(task_name="billing.mirror_event")
    return sold, {each.title: each.number for each in what_waits()}, given_out.count()


def recorded() -> list[int]:
    return [model._default_manager.count() for model in (Purchase, Payment, Refund, Dispute, Entry)]


def let_pass(time: datetime.timedelta) -> None:
    """As if all that came had come so long ago."""
    InboxEvent.objects.update(received_at=timezone.now() - time)


def statuses(kinds: tuple[str, ...] = MEANT) -> set[str]:
    """Of the events that would mean something if their payment were ours."""
    rows = InboxEvent.objects.filter(purchase=None).values_list("type", "status")
    return {status for kind, status in rows if kind.startswith(kinds)}


# --- Nowhere but in the inbox


def test_it_is_in_no_figure_no_list_of_work_no_mail_and_no_payment(foreign: Sandbox) -> None:
    before = seen_by_staff(), recorded()
    assert set(deliver(foreign, copies=2)) == {200}
    assert (seen_by_staff(), recorded()) == before
    let_pass(EARLY_FOR + MINUTE)
    look_again()
    assert (seen_by_staff(), recorded()) == before


def test_the_comparison_with_stripe_finds_nothing_about_it(foreign: Sandbox) -> None:
    before = seen_by_staff(), recorded()
    report = reconcile_now()
    assert (report.repaired, report.open) == ([], [])
    assert (seen_by_staff(), recorded()) == before


@pytest.mark.parametrize("how", [{"card": DECLINED}, {"card": DISPUTED_AT_ONCE}, {"currency": "jpy"}])
@pytest.mark.parametrize("intent", [True, False])
def test_whatever_else_becomes_of_it_is_no_business_of_ours(
    sandbox: Sandbox, how: dict[str, str], intent: bool
) -> None:
    before = seen_by_staff(), recorded()
    sandbox.pay_outright(8000, intent=intent, **how)
    assert set(deliver(sandbox)) == {200}
    assert statuses() == {"unmatched"}
    assert (seen_by_staff(), recorded()) == before


# --- How long it may be early


def test_it_waits_some_hours_and_then_is_not_ours(foreign: Sandbox) -> None:
    deliver(foreign)
    look_again()
    assert statuses() == {"unmatched"}
    let_pass(EARLY_FOR - MINUTE)
    look_again()
    assert statuses() == {"unmatched"}
    let_pass(EARLY_FOR + MINUTE)
    look_again()
    assert statuses() == {"not_ours"}
    deliver(foreign, replay=True)
    assert statuses() == {"not_ours"}, "told again"


def test_what_waits_keeps_no_event_of_ours_from_its_status(foreign: Sandbox) -> None:
    ours = set(InboxEvent.objects.values_list("pk", "status"))
    deliver(foreign)
    let_pass(EARLY_FOR + MINUTE)
    look_again()
    assert ours <= set(InboxEvent.objects.values_list("pk", "status"))


# --- Where it proves to be ours


def by_webhook(sandbox: Sandbox, buyer: User) -> None:
    deliver(sandbox)


def by_comparison(sandbox: Sandbox, buyer: User) -> None:
    sandbox.post("/_sandbox/webhooks/drop")
    reconcile_now()


def by_success_page(sandbox: Sandbox, buyer: User) -> None:
    sandbox.post("/_sandbox/webhooks/drop")
    show_success_page(buyer, sandbox.objects("checkout.session")[0]["id"])


@pytest.mark.parametrize("learn", [by_webhook, by_comparison, by_success_page])
@pytest.mark.parametrize(("passed", "status"), [(MINUTE, "unmatched"), (EARLY_FOR + MINUTE, "not_ours")])
@pytest.mark.parametrize("what", RETURNED)
def test_a_payment_that_is_ours_after_all_is_taken_up_with_what_went_back(
    sandbox: Sandbox,
    buyer: User,
    what: str,
    passed: datetime.timedelta,
    status: str,
    learn: Callable[[Sandbox, User], None],
) -> None:
    sandbox.pay(start(buyer, "standard").session_id)
    charge = sandbox.objects("charge")[0]
    if what == "refund":
        refund_in_dashboard(charge["payment_intent"], 900)
    else:
        sandbox.dispute(charge["id"], amount=900)
    deliver(sandbox, types=RETURNED[what])
    let_pass(passed)
    look_again()
    assert statuses(tuple(RETURNED[what])) == {status}
    assert recorded() == [1, 0, 0, 0, 0]

    learn(sandbox, buyer)
    assert Account.objects.get().balance == 4000
    assert (Refund.objects.count(), Dispute.objects.count()) == ((1, 0) if what == "refund" else (0, 1))
    assert statuses(tuple(RETURNED[what])) == set(), "applied to its purchase"


def test_what_waits_is_applied_by_the_job_as_soon_as_its_payment_is_known(
    sandbox: Sandbox, buyer: User
) -> None:
    """Nobody applies it at once where only a charge told of the payment."""
    sandbox.pay(start(buyer, "standard").session_id)
    refund_in_dashboard(sandbox.objects("payment_intent")[0]["id"], 900)
    deliver(sandbox, types=RETURNED["refund"])
    deliver(sandbox, types=["charge.succeeded"])
    assert (Payment.objects.get().state, Refund.objects.count()) == ("open", 0)
    assert look_again() > 0

    assert Refund.objects.get().purchase == Purchase.objects.get()
    deliver(sandbox)
    assert Account.objects.get().balance == 4000


def test_an_event_that_cannot_be_applied_holds_up_none_of_the_others(
    sandbox: Sandbox, buyer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.pay(start(buyer, "standard").session_id)
    for amount in (900, 1000):
        refund_in_dashboard(sandbox.objects("payment_intent")[0]["id"], amount)
    deliver(sandbox, types=["refund.created"])
    deliver(sandbox, types=["charge.succeeded"])
    first = InboxEvent.objects.filter(status="unmatched").earliest("received_at")
    InboxEvent.objects.filter(pk=first.pk).update(payload={**first.payload, "data": {"object": {"id": 1}}})
    look_again()

    assert dict(InboxEvent.objects.filter(type="refund.created").values_list("pk", "status"))[first.pk] in (
        "failed",
        "unreadable",
    )
    assert Refund.objects.count() == 1
