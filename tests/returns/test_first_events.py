"""Two first events of one refund or one dispute at the same moment: both are answered 200, and the credits go once."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Barrier, BrokenBarrierError
from types import ModuleType
from typing import Any

import pytest
import requests

from billing.inbox.models import InboxEvent
from billing.purchases.matching import known_payments
from billing.purchases.models import Payment, Purchase
from billing.refunds import disputes
from billing.refunds import refunding as refunds
from billing.refunds.models import Dispute, Refund
from credits.ledger.models import Clawback, Entry
from tests.billing.calling import WEBHOOK, last_event, signature_of
from tests.billing.turns import take_the_turn_away
from tests.returns.asking import refund_in_dashboard
from tests.returns.selling import balance, charge_of
from tests.support.racing import at_once
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Event = dict[str, Any]


def refund_whole(sandbox: Sandbox, purchase: Purchase) -> None:
    refund_in_dashboard(purchase, 4500)


def dispute(sandbox: Sandbox, purchase: Purchase) -> None:
    sandbox.dispute(charge_of(sandbox, purchase))


# What happens at Stripe, the two events that tell of it, and the module that writes it down.
STORIES: dict[str, tuple[Callable[[Sandbox, Purchase], None], tuple[str, str], ModuleType, str]] = {
    "a refund": (refund_whole, ("refund.created", "refund.updated"), refunds, "refund"),
    "a dispute": (dispute, ("charge.dispute.created", "charge.dispute.funds_withdrawn"), disputes, "dispute"),
}
stories = pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)


def first_events(sandbox: Sandbox, purchase: Purchase, story: Any) -> tuple[Event, Event]:
    happen, (first, second), *_ = story
    happen(sandbox, purchase)
    event = last_event(sandbox, first)
    return event, {**event, "id": f"{event['id']}_2", "type": second}


def by_charge_alone(event: Event) -> Event:
    """The same, of which Stripe doesn't name the payment: so it takes another turn."""
    return {**event, "data": {"object": {**event["data"]["object"], "payment_intent": None}}}


def post(site: str, event: Event) -> int:
    body = json.dumps(event).encode()
    headers = {"Stripe-Signature": signature_of(body), "Content-Type": "application/json"}
    return requests.post(site + WEBHOOK, body, headers=headers, timeout=30).status_code


def meet_before_writing(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> None:
    """Both have looked for the record and found none before either makes it; one who is alone there goes on."""
    both, count = Barrier(2), module.counted

    def meet(*about: Any) -> Any:
        with suppress(BrokenBarrierError):
            both.wait(1.5)
        return count(*about)

    monkeypatch.setattr(module, "counted", meet)


def assert_taken_once(purchase: Purchase, kind: str) -> None:
    assert (Refund.objects.count(), Dispute.objects.count()) == ((1, 0) if kind == "refund" else (0, 1))
    assert list(Clawback.objects.values_list("taken", flat=True)) == [5000]
    assert Entry.objects.filter(kind=kind).count() == 1
    assert balance(purchase) == 0
    told = InboxEvent.objects.filter(type__contains=kind)
    assert list(told.values_list("status", flat=True)) == ["applied", "applied"]


@stories
@pytest.mark.parametrize("second_names_the_payment", [True, False])
def test_both_are_answered_200_and_the_credits_go_once(
    sandbox: Sandbox,
    purchase: Purchase,
    live_server: Any,
    monkeypatch: pytest.MonkeyPatch,
    story: Any,
    second_names_the_payment: bool,
) -> None:
    first, second = first_events(sandbox, purchase, story)
    if not second_names_the_payment:
        second = by_charge_alone(second)
    meet_before_writing(monkeypatch, story[2])

    assert at_once(*[partial(post, live_server.url, event) for event in (first, second)]) == [200, 200]
    assert_taken_once(purchase, story[3])


@stories
def test_without_the_turn_and_the_purchases_lock_one_fails_until_it_is_sent_again(
    sandbox: Sandbox, purchase: Purchase, live_server: Any, monkeypatch: pytest.MonkeyPatch, story: Any
) -> None:
    """The control."""
    events = first_events(sandbox, purchase, story)
    module = story[2]

    def look_only(intent: str, charge: str) -> Payment | None:
        return known_payments([intent], [charge]).select_related("purchase__user").first()

    with monkeypatch.context() as patched:
        take_the_turn_away(patched)
        patched.setattr(module, "payment_of", look_only)
        meet_before_writing(patched, module)
        answers = at_once(*[partial(post, live_server.url, event) for event in events])

    assert sorted(answers) == [200, 500]
    assert post(live_server.url, events[answers.index(500)]) == 200
    assert_taken_once(purchase, story[3])
