"""The log tells the way of a purchase in lines with ids, and nothing about people."""

from __future__ import annotations

import json
from typing import Any

import pytest

from accounts.models import User
from billing.inbox.models import InboxEvent
from billing.purchases.models import Purchase
from billing.refunds.models import Refund
from tests.billing.calling import (
    browser_of,
    deliver,
    made_up_event,
    paid_session_event,
    post_json,
    send,
    signature_of,
    the_event,
)
from tests.billing.database_faults import failing_commits
from tests.returns.asking import refund_in_dashboard
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.log_lines import Lines, log
from tests.support.sandbox import Sandbox

__all__ = ["log"]

pytestmark = pytest.mark.django_db(transaction=True)
CARD = "4242424242424242"
# Nobody's id can hold one of these.
PERSONAL = (
    "rosalind.q@mail.example",
    "payer@mail.example",
    "Rosalind",
    "Quimby",
    "rosa-q",
    CARD,
    '"4242"',
    "visa",
)


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox) -> None:
    put_on_sale()


@pytest.fixture
def user() -> User:
    person: User = UserFactory(
        username="rosa-q", email="rosalind.q@mail.example", first_name="Rosalind", last_name="Quimby"
    )
    return person


def test_a_purchase_and_its_refund_are_one_line_each_and_nobody_is_named(
    user: User, sandbox: Sandbox, log: Lines
) -> None:
    session_id = post_json(browser_of(user), "purchase", {"package_code": "pro"}).json()["session_id"]
    sandbox.pay(session_id, CARD, email="payer@mail.example", name="Rosalind Quimby")
    sandbox.wait_for_webhooks()
    purchase = Purchase.objects.get()
    refund_in_dashboard(purchase, 4000)
    sandbox.wait_for_webhooks()

    refund = Refund.objects.get()
    told = {"purchase": str(purchase.pk), "user": str(user.pk), "level": "info"}
    assert log.of("checkout_session_created") == [{**told, "session": session_id, "package": "pro"}]
    payment = purchase.stripe_payment_intent_id
    assert log.of("purchase_credited") == [{**told, "credits": "10000", "payment": payment}]
    assert log.of("refund_applied") == [
        {
            "purchase": str(purchase.pk),
            "refund": str(refund.pk),
            "stripe_refund": refund.stripe_refund_id,
            "amount": "$40.00",
            "credits": "-5000.000000",
            "level": "info",
        }
    ]
    received = [(line["stripe_event"], line["type"], line["level"]) for line in log.of("event_received")]
    assert sorted(received) == sorted((row.pk, row.type, "info") for row in InboxEvent.objects.all())
    everything = "\n".join(log.texts)
    assert [word for word in PERSONAL if word.lower() in everything.lower()] == []


def test_what_was_rolled_back_is_not_called_credited(user: User, sandbox: Sandbox, log: Lines) -> None:
    event = paid_session_event(sandbox, start(user).session_id)
    with failing_commits():
        assert deliver(event).status_code == 500
    assert log.of("purchase_credited") == []

    assert deliver(event).status_code == deliver(event).status_code == 200
    assert len(log.of("purchase_credited")) == 1
    about_money = [line for line in log.of("event_received") if line["type"] != "customer.created"]
    assert len(about_money) == 3


BODY = json.dumps(made_up_event("customer.updated", {"id": "cus_1", "object": "customer"})).encode()
FAILED_CHECKS = {
    "no_header": None,
    "no_timestamp": f"v1={'0' * 64}",
    "no_signature": signature_of(BODY).replace("v1=", "v0="),
    "too_old": signature_of(BODY, age_s=301),
    "wrong_signature": signature_of(BODY, "whsec_another"),
}


@pytest.mark.parametrize("path", ["/api/v1/billing/credits/webhook", "/api/credits/webhook"])
@pytest.mark.parametrize(("check", "signature"), FAILED_CHECKS.items(), ids=FAILED_CHECKS.keys())
def test_a_wrong_signature_is_a_warning_that_names_the_failed_check(
    log: Lines, check: str, signature: str | None, path: str
) -> None:
    assert send(BODY, signature, path).status_code == 400
    assert log.of("webhook_refused") == [{"check": check, "level": "warning"}]
    assert log.of("event_received") == []


@pytest.mark.parametrize(
    ("carried", "reference", "level", "noted"),
    [
        ({}, "missing", "warning", "It has no purchase reference"),
        (
            {"client_reference_id": "rosalind.q@mail.example"},
            "foreign",
            "warning",
            "which is not one of our purchases",
        ),
        (
            {"metadata": {"purchase_id": "0b9a7c1e-0000-4000-8000-000000000000"}},
            "unknown",
            "info",
            "It refers to",
        ),
    ],
)
def test_an_event_without_a_usable_reference_says_so(
    user: User, sandbox: Sandbox, log: Lines, carried: dict[str, Any], reference: str, level: str, noted: str
) -> None:
    event = paid_session_event(sandbox, start(user).session_id)
    theirs = {**event["data"]["object"], "id": "cs_test_theirs", "client_reference_id": None, "metadata": {}}

    assert deliver(made_up_event(event["type"], {**theirs, **carried})).status_code == 200

    line = {"stripe_event": "evt_made_up", "type": event["type"], "reference": reference, "level": level}
    assert log.of("event_unmatched") == [line]
    assert noted in the_event().note
    assert "rosalind" not in "".join(log.texts).lower()
