"""The same facts come to the same, in whatever order Stripe tells of them, and however often.

One story at the local Stripe, whose events are applied in many orders, each in a transaction that
is rolled back.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.models import User
from billing.inbox.models import InboxEvent
from billing.provider import provider
from billing.purchases.models import Payment, Purchase
from billing.webhooks.receiving import receive_event
from billing.webhooks.unmatched_events import look_again
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Clawback
from credits.proof.checking import find_violations
from tests.returns.asking import refund_in_dashboard
from tests.returns.selling import charge_of
from tests.support.builders import start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Event = dict[str, Any]
HOUR = timedelta(hours=1)
ORDERS = 20
PAID = ("checkout.session.completed", "payment_intent.", "charge.succeeded", "charge.failed")
DECLINED = "4000000000000002"
RETURNED = ("refund.", "charge.dispute.", "charge.refund")


@pytest.fixture
def events(sandbox: Sandbox, buyer: User) -> list[Event]:
    """A card is declined, another pays $45.00. Of these $9.00 are refunded, then $10.00, which fail. The bank takes
    $15.00 back and keeps them. A second payment comes, and is refunded whole.
    """
    session = start(buyer, "standard").session_id
    sandbox.pay(session, DECLINED)
    sandbox.pay(session)
    first = sandbox.objects("payment_intent")[-1]["id"]
    refund_in_dashboard(first, 900)
    sandbox.fail_refund(refund_in_dashboard(first, 1000))
    dispute = sandbox.dispute(charge_of(sandbox, first), amount=1500)
    sandbox.close_dispute(dispute["id"], "lost")
    sandbox.pay_again(session)
    refund_in_dashboard(sandbox.objects("payment_intent")[-1]["id"], 4500)
    told = told_of(sandbox)
    assert len({event["type"] for event in told}) >= 8
    return told


def told_of(sandbox: Sandbox) -> list[Event]:
    return [event for event in sandbox.objects("event") if event["type"].startswith((*PAID, *RETURNED))]


def tell(events: Sequence[Event]) -> None:
    for event in events:
        receive_event(provider().read_event(event))


def use() -> None:
    """Of the 5,000 credits 2,000 are spent, and 1,500 are set aside."""
    account = Account.objects.get()
    ledger.spend(account.pk, Decimal(2000), key="job")
    ledger.hold(account.pk, Decimal(1500), key="work", expires_in=HOUR)


def what_came_of_it() -> Any:
    """All that the order could leave a trace in."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert list(find_violations()) == []
    assert not InboxEvent.objects.exclude(status__in=["applied", "stored"]).exists()
    purchase = ("status", "attention", "attention_detail", "refunded_minor", "paid_minor")
    payment = ("stripe_payment_intent_id", "state", "stripe_charge_id", "last4", "attention", "paid_at")
    claims = ("amount", "taken", "pending", "owed", "waived", "policy", "kind", "at")
    return (
        list(Account.objects.values_list("balance", "held", "debt")),
        list(Purchase.objects.values_list(*purchase)),
        sorted(Payment.objects.values_list(*payment)),
        sorted(Clawback.objects.filter(amount__gt=0).values_list(*claims)),
    )


def outcome_of(first: Sequence[Event], rest: Sequence[Event], *, used: bool) -> Any:
    story = transaction.atomic()
    story._from_testcase = True  # type: ignore[attr-defined]  # what an event does needn't be the outermost transaction
    with story:
        tell(first)
        if used:
            use()
        tell(rest)
        look_again()
        outcome = what_came_of_it()
        transaction.set_rollback(True)
    return outcome


def shuffled(events: Sequence[Event], seed: int) -> list[Event]:
    """In another order, and three of them twice."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    return dice.sample([*events, *dice.sample(events, 3)], len(events) + 3)


def test_every_order_of_the_same_events_comes_to_the_same(events: list[Event]) -> None:
    """Refunds and disputes may be told of before their payment, too. One thing goes by the order: of two payments that
    is accepted which is told of first.
    """
    (paid,) = (event for event in events if event["type"] == "checkout.session.completed")
    of_first = [event for event in events if is_about(event, paid["data"]["object"]["payment_intent"])]
    expected = outcome_of(of_first, [], used=False)
    assert outcome_of([], of_first[::-1], used=False) == expected
    for seed in range(ORDERS):
        assert outcome_of([], shuffled(of_first, seed), used=False) == expected, seed


def is_about(event: Event, payment: str) -> bool:
    subject = event["data"]["object"]
    return payment in (subject["id"], subject.get("payment_intent"))


def test_every_order_comes_to_the_same_where_credits_were_used(events: list[Event]) -> None:
    paid = [event for event in events if event["type"] == "checkout.session.completed"]
    rest = [event for event in events if event not in paid]
    expected = outcome_of(paid, rest, used=True)
    for seed in range(ORDERS):
        assert outcome_of(paid, shuffled(rest, seed), used=True) == expected, seed


def test_every_order_comes_to_the_same_where_the_payment_is_not_accepted(
    sandbox: Sandbox, buyer: User
) -> None:
    """Paid at another price, and refunded whole: there is nothing left to do, in whatever order that is told."""
    session = start(buyer, "standard").session_id
    sandbox.pay(session)
    refund_in_dashboard(sandbox.objects("payment_intent")[-1]["id"], 4500)
    events = told_of(sandbox)
    Purchase.objects.update(price_minor=4600)
    expected = outcome_of(events, [], used=False)
    assert expected[1] == [("failed", "", "", 0, None)]
    for seed in range(ORDERS):
        assert outcome_of([], shuffled(events, seed), used=False) == expected, seed
