"""Money that goes back while its purchase is being credited: whoever is told first, the credits go with it.

Card 4000 0000 0000 0259 pays, and its bank disputes at once, so Stripe tells of payment and dispute in the
same moment. The control takes the payment's turn away and shows what it holds: the two miss each other, and
the credits stay free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from types import ModuleType
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import User
from billing.inbox.models import InboxEvent
from billing.purchases.models import Payment, Purchase
from billing.refunds import disputes
from billing.refunds import refunding as refunds
from billing.refunds.models import Dispute, Refund
from billing.webhooks.unmatched_events import look_again
from credits.ledger import operations as ledger
from credits.ledger.models import Clawback, Entry
from credits.proof.checking import find_violations
from tests.billing.calling import browser_of, post_json
from tests.billing.reporting import deliver, kinds, reconcile_now, show_success_page
from tests.billing.turns import take_the_turn_away
from tests.returns.asking import refund_in_dashboard
from tests.returns.selling import charge_of, fresh
from tests.support.builders import start
from tests.support.racing import at_once, cross
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

DISPUTED_AT_ONCE = "4000000000000259"
Status = Purchase.Status
Pay = Callable[[Sandbox, str], None]
# What went back first, or at random.
orders = pytest.mark.parametrize("order", ["reverse", "shuffle"])


def buy_by_api(buyer: User) -> str:
    return str(post_json(browser_of(buyer), "purchase", {"package_code": "standard"}).json()["session_id"])


def buy_on_page(buyer: User) -> str:
    browser_of(buyer).post("/credits/buy", {"package_code": "standard", "shown_for": "personal"})
    return Purchase.objects.latest("created_at").stripe_session_id or ""


def tell(sandbox: Sandbox, order: str, buyer: User, sessions: Iterable[str] = ()) -> None:
    """Delivers each webhook twice, all at once, while the buyer comes back from these checkouts."""
    webhooks = partial(deliver, sandbox, order=order, seed=1, copies=2, concurrency=8)
    pages = [partial(show_success_page, buyer, session) for session in sessions]
    answers: list[Any] = at_once(webhooks, *pages)
    assert set(answers[0]) == {200}
    assert not InboxEvent.objects.exclude(status__in=InboxEvent.DONE).exists()


def stands(purchase: Purchase) -> tuple[Any, ...]:
    """Its status, and how many of its credits are free."""
    lot = accepted(purchase).lot
    assert lot is not None
    return fresh(purchase).status, lot.remaining - lot.held


def accepted(purchase: Purchase) -> Payment:
    return Payment.objects.get(purchase=purchase, lot__isnull=False)


def intent_of(sandbox: Sandbox, session: str) -> str:
    sessions = sandbox.objects("checkout.session")
    return str(next(row["payment_intent"] for row in sessions if row["id"] == session))


# --- Payments that are disputed at once ---------------------------------------------------------------------


@orders
@pytest.mark.parametrize("buy_one", [buy_by_api, buy_on_page])
def test_of_five_packs_that_are_disputed_at_once_nothing_stays_free(
    sandbox: Sandbox, buyer: User, buy_one: Callable[[User], str], order: str
) -> None:
    sessions = [buy_one(buyer) for _ in range(5)]
    for session in sessions:
        sandbox.pay(session, DISPUTED_AT_ONCE)
    tell(sandbox, order, buyer, sessions if buy_one is buy_on_page else [])

    assert [stands(purchase) for purchase in Purchase.objects.all()] == [(Status.DISPUTED, 0)] * 5
    assert list(Clawback.objects.values_list("taken", flat=True)) == [5000] * 5


# --- Other money that goes back beside its credit -----------------------------------------------------------


def pay(sandbox: Sandbox, session: str) -> str:
    sandbox.pay(session)
    return intent_of(sandbox, session)


def refund_whole(sandbox: Sandbox, session: str) -> None:
    refund_in_dashboard(pay(sandbox, session), 4500)


def refund_in_parts(sandbox: Sandbox, session: str) -> None:
    intent = pay(sandbox, session)
    refund_in_dashboard(intent, 900)
    refund_in_dashboard(intent, 1800)


def refund_and_fail(sandbox: Sandbox, session: str) -> None:
    sandbox.fail_refund(refund_in_dashboard(pay(sandbox, session), 4500))


def refund_a_part_and_charge_back(sandbox: Sandbox, session: str) -> None:
    intent = pay(sandbox, session)
    refund_in_dashboard(intent, 900)
    sandbox.dispute(charge_of(sandbox, intent))


def charge_back_and_win(sandbox: Sandbox, session: str) -> None:
    intent = pay(sandbox, session)
    sandbox.close_dispute(sandbox.dispute(charge_of(sandbox, intent))["id"], "won")


def ask_and_charge_back(sandbox: Sandbox, session: str) -> None:
    made = sandbox.dispute(charge_of(sandbox, pay(sandbox, session)), inquiry=True)
    sandbox.escalate_dispute(made["id"])


# How the purchase ends, and how many of its 5,000 credits are free.
STORIES: dict[Pay, tuple[Status, int]] = {
    refund_whole: (Status.REFUNDED, 0),
    refund_in_parts: (Status.PARTIALLY_REFUNDED, 2000),
    refund_and_fail: (Status.COMPLETED, 5000),
    refund_a_part_and_charge_back: (Status.DISPUTED, 0),
    charge_back_and_win: (Status.COMPLETED, 5000),
    ask_and_charge_back: (Status.DISPUTED, 0),
}


@orders
def test_whatever_goes_back_beside_its_credit_takes_what_it_stands_for(
    sandbox: Sandbox, buyer: User, order: str
) -> None:
    started = {story: start(buyer, "standard") for story in STORIES}
    for happen, purchase in started.items():
        happen(sandbox, purchase.session_id)
    tell(sandbox, order, buyer, [each.session_id for each in started.values()])

    assert {story: stands(each.purchase) for story, each in started.items()} == STORIES


# --- What a reconciliation finds ----------------------------------------------------------------------------


def dispute_that_froze_nothing(sandbox: Sandbox, purchase: Purchase) -> None:
    """Source, and written down by hand as it once was: beside the purchase."""
    made = sandbox.dispute(charge_of(sandbox, purchase))
    sandbox.post("/_sandbox/webhooks/drop")
    Dispute.objects.create(
        payment=accepted(purchase),
        amount_minor=4500,
        counted_minor=4500,
        currency="usd",
        status=made["status"],
        stripe_dispute_id=made["id"],
        made_at=timezone.now(),
    )


def refund_that_took_nothing(sandbox: Sandbox, purchase: Purchase) -> None:
    made = refund_in_dashboard(purchase, 4500)
    sandbox.post("/_sandbox/webhooks/drop")
    Refund.objects.create(
        payment=accepted(purchase),
        amount_minor=4500,
        counted_minor=4500,
        currency="usd",
        status=Refund.Status.SUCCEEDED,
        reason=Refund.Reason.OTHER,
        policy=Refund.Policy.CAP,
        origin=Refund.Origin.STRIPE,
        stripe_refund_id=made,
        made_at=timezone.now(),
    )


def dispute_that_was_thawed(sandbox: Sandbox, purchase: Purchase) -> None:
    """It froze the credits, and somebody had the ledger give them back."""
    sandbox.dispute(charge_of(sandbox, purchase))
    deliver(sandbox)
    lot = accepted(purchase).lot_id or 0
    ledger.claw_back(purchase.account_id, lot, [], kind=Entry.Kind.DISPUTE)


Fault = Callable[[Sandbox, Purchase], None]
FAULTS: dict[Fault, Status] = {
    dispute_that_froze_nothing: Status.DISPUTED,
    dispute_that_was_thawed: Status.DISPUTED,
    refund_that_took_nothing: Status.REFUNDED,
}


@pytest.mark.parametrize(("fault", "status"), FAULTS.items())
def test_what_is_recorded_and_took_nothing_is_found_and_mended(
    sandbox: Sandbox, purchase: Purchase, fault: Fault, status: Status
) -> None:
    fault(sandbox, purchase)
    assert stands(purchase)[1] == 5000
    found = {violation.invariant for violation in find_violations()}
    assert {"claims_are_what_went_back", "nobody_keeps_both_money_and_credits"} <= found

    first, second = reconcile_now(), reconcile_now()

    assert (kinds(first.repaired), first.open) == (["returned_not_settled"], [])
    assert stands(purchase) == (status, 0)
    assert (second.repaired, second.open) == ([], [])


# Which webhooks arrive, before the others are lost; and what a reconciliation then mends.
SOURCE = {
    "of the payment": (["checkout.session.completed"], ["returned_not_here"]),
    "of the dispute": (["charge.dispute.created"], ["paid_not_credited"]),
    "of neither": ([], ["paid_not_credited", "returned_not_here"]),
}


@pytest.mark.parametrize(("told", "mended"), SOURCE.values(), ids=SOURCE)
def test_what_was_lost_on_the_way_is_found_and_frozen(
    sandbox: Sandbox, buyer: User, told: list[str], mended: list[str]
) -> None:
    bought = start(buyer, "standard")
    sandbox.pay(bought.session_id, DISPUTED_AT_ONCE)
    deliver(sandbox, types=told)
    sandbox.post("/_sandbox/webhooks/drop")

    first, second = reconcile_now(), reconcile_now()

    assert (kinds(first.repaired), first.open) == (mended, [])
    assert stands(bought.purchase) == (Status.DISPUTED, 0)
    assert (second.repaired, second.open) == ([], [])


# --- The race, and its control ------------------------------------------------------------------------------


def dispute_at_once(sandbox: Sandbox, session: str) -> None:
    sandbox.pay(session, DISPUTED_AT_ONCE)


def come_by_webhook(sandbox: Sandbox, buyer: User, session: str) -> None:
    assert deliver(sandbox, types=["checkout.session.completed"]) == [200]


def come_by_page(sandbox: Sandbox, buyer: User, session: str) -> None:
    show_success_page(buyer, session)


# How the money goes back, by which event that is told, and which module then looks for the payment.
Returned = tuple[Pay, str, ModuleType]
RETURNED: dict[str, tuple[Returned, Status]] = {
    "a dispute": ((dispute_at_once, "charge.dispute.created", disputes), Status.DISPUTED),
    "a refund": ((refund_whole, "refund.created", refunds), Status.REFUNDED),
}
returns = pytest.mark.parametrize(("returned", "status"), RETURNED.values(), ids=RETURNED)
ways = pytest.mark.parametrize("credit", [come_by_webhook, come_by_page])


@pytest.fixture
def cross_with(sandbox: Sandbox, buyer: User, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Purchase]:
    """Whoever is told that the money went back has looked for its payment and found none; before they go on,
    the payment is credited, or waits for its turn.
    """

    def run(returned: Returned, credit: Callable[[Sandbox, User, str], None]) -> Purchase:
        happen, event, told = returned
        bought = start(buyer, "standard")
        happen(sandbox, bought.session_id)
        look = told.payment_of

        def tell_of_it(dawdle: Callable[[], None]) -> None:
            def look_and_dawdle(*named: str) -> Any:
                found = look(*named)
                if found is None:
                    dawdle()
                return found

            with monkeypatch.context() as patched:
                patched.setattr(told, "payment_of", look_and_dawdle)
                assert deliver(sandbox, types=[event]) == [200]

        cross(tell_of_it, partial(credit, sandbox, buyer, bought.session_id))
        return bought.purchase

    return run


@returns
@ways
def test_what_goes_back_while_its_payment_is_credited_takes_the_credits(
    cross_with: Any, returned: Returned, status: Status, credit: Any
) -> None:
    assert stands(cross_with(returned, credit)) == (status, 0)
    assert look_again() == 0


@returns
@ways
def test_without_the_turn_the_two_miss_each_other_until_the_job_looks_again(
    cross_with: Any, returned: Returned, status: Status, credit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    take_the_turn_away(monkeypatch)
    purchase = cross_with(returned, credit)
    assert stands(purchase) == (Status.COMPLETED, 5000)
    assert look_again() == 1
    assert stands(purchase) == (status, 0)
