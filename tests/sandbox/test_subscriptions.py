"""Subscriptions from the checkout on: the first invoice, renewals by the clock, trials, and the end."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import create_session, find_event, list_event_types
from tests.sandbox.subscribing import (
    DAY_S,
    HOUR_S,
    get_item,
    list_since,
    make_price,
    open_checkout,
    subscribe,
)
from tests.support.sandbox import Sandbox

FIRST = ["invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded"]
PAID = ["invoice.updated", "invoice.paid", "invoice.payment_succeeded"]
RENEWED = ["invoice.created", "customer.subscription.updated", "invoice.finalized", *PAID]


def count_events(sandbox: Sandbox) -> int:
    return len(sandbox.objects("event"))


def day_of(moment: int) -> dt.date:
    return dt.datetime.fromtimestamp(moment, dt.UTC).date()


def test_a_paid_checkout_begins_a_subscription_with_its_first_invoice(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    price = make_price(client)
    before = count_events(sandbox)
    data = {"metadata": {"account": "7"}, "description": "Plus, monthly"}
    session = open_checkout(client, price, subscription_data=data, metadata={"shop": "1"})
    assert (session.mode, session.amount_total, session.subscription) == ("subscription", 4000, None)
    answer = sandbox.pay(session.id)
    assert answer["outcome"] == "succeeded"
    assert list_event_types(sandbox)[before:] == [
        "customer.created",
        "payment_intent.created",
        "charge.succeeded",
        "payment_method.attached",
        "payment_intent.succeeded",
        "customer.subscription.created",
        *FIRST,
        "invoice_payment.paid",
        "checkout.session.completed",
        "charge.updated",
    ]
    paid = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["subscription", "invoice.payments"]})
    subscription, invoice = paid.subscription, paid.invoice
    assert isinstance(subscription, stripe.Subscription)
    assert isinstance(invoice, stripe.Invoice)
    assert (paid.payment_status, paid.payment_intent, subscription.status) == ("paid", None, "active")
    assert (subscription.metadata.to_dict(), subscription.description) == ({"account": "7"}, "Plus, monthly")
    assert subscription.latest_invoice == invoice.id
    item = get_item(subscription)
    assert item.current_period_start == subscription.start_date
    assert item.current_period_end > item.current_period_start + 27 * DAY_S
    method = client.v1.payment_methods.retrieve(str(subscription.default_payment_method))
    assert method.customer == subscription.customer == paid.customer
    check_first_invoice(invoice, subscription, answer["payment_intent"]["id"])


def check_first_invoice(invoice: stripe.Invoice, subscription: stripe.Subscription, intent: str) -> None:
    assert (invoice.status, invoice.billing_reason, invoice.amount_paid) == (
        "paid",
        "subscription_create",
        4000,
    )
    parent, item = invoice.to_dict()["parent"], get_item(subscription)
    details = {"metadata": {"account": "7"}, "subscription": subscription.id}
    assert parent == {"quote_details": None, "subscription_details": details, "type": "subscription_details"}
    (line,) = invoice.lines.data
    assert line.description == "1 × Plus (at $40.00 / month)"
    assert line.period.to_dict() == {"start": item.current_period_start, "end": item.current_period_end}
    assert line.metadata.to_dict() == {"account": "7"}
    assert line.pricing is not None
    assert line.pricing.price_details is not None
    assert line.pricing.price_details.price == item.price.id
    assert line.parent is not None
    assert line.parent.subscription_item_details is not None
    assert (line.parent.type, line.parent.subscription_item_details.subscription_item) == (
        "subscription_item_details",
        item.id,
    )
    assert invoice.payments is not None
    (payment,) = invoice.payments.data
    assert (payment.status, payment.amount_paid, payment.payment.payment_intent) == ("paid", 4000, intent)


@pytest.mark.parametrize("card", ["4000000000000002", "4000002500003155"])
def test_a_checkout_that_is_not_paid_leaves_no_subscription(
    sandbox: Sandbox, client: stripe.StripeClient, card: str
) -> None:
    session = open_checkout(client, make_price(client))
    answer = sandbox.pay(session.id, card, authenticate=False)
    assert (answer["outcome"], answer["session"]["status"]) == ("declined", "open")
    assert sandbox.objects("subscription") == sandbox.objects("invoice") == []
    sandbox.pay(session.id)
    assert len(sandbox.objects("subscription")) == len(sandbox.objects("invoice")) == 1


def test_the_clock_renews_each_period_by_itself_and_in_order(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    """From the 31st, a month without one renews on its last day, and the next one on the 31st again."""
    now = sandbox.get("/_sandbox/clock")["now"]
    start = int(dt.datetime(2027, 1, 31, 9, tzinfo=dt.UTC).timestamp())
    sandbox.advance(start - now)
    subscription = subscribe(sandbox, client)
    before = count_events(sandbox)
    sandbox.advance(95 * DAY_S)
    assert list_since(sandbox, before) == ["invoice.upcoming", *RENEWED] * 3
    invoices = sandbox.objects("invoice")
    assert [day_of(invoice["created"]) for invoice in invoices[1:]] == [
        dt.date(2027, 2, 28),
        dt.date(2027, 3, 31),
        dt.date(2027, 4, 30),
    ]
    periods = [invoice["lines"]["data"][0]["period"] for invoice in invoices]
    assert [period["start"] for period in periods[1:]] == [period["end"] for period in periods[:-1]]
    assert [invoice["number"][-4:] for invoice in invoices] == ["0001", "0002", "0003", "0004"]
    for invoice in invoices[1:]:
        assert (invoice["status"], invoice["billing_reason"]) == ("paid", "subscription_cycle")
        assert invoice["status_transitions"]["finalized_at"] == invoice["created"] + HOUR_S
    events = sandbox.objects("event")[before:]
    assert [event["created"] for event in events] == sorted(event["created"] for event in events)
    assert all(event["request"] == {"id": None, "idempotency_key": None} for event in events)
    renewed = client.v1.subscriptions.retrieve(subscription.id)
    assert (renewed.latest_invoice, renewed.status) == (invoices[-1]["id"], "active")
    assert get_item(renewed).current_period_end == periods[-1]["end"]


def test_a_renewal_is_announced_a_week_before_and_drafted_an_hour_before_its_charge(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    subscription = subscribe(sandbox, client)
    end = get_item(subscription).current_period_end
    sandbox.advance(end - 6 * DAY_S - subscription.start_date)
    upcoming = find_event(sandbox, "invoice.upcoming")["object"]
    assert ("id" in upcoming, upcoming["amount_due"], upcoming["status"]) == (False, 4000, "draft")
    assert upcoming["lines"]["data"][0]["period"]["start"] == end
    sandbox.advance(6 * DAY_S + 60)
    (invoice,) = client.v1.invoices.list({"subscription": subscription.id, "status": "draft"}).data
    assert (invoice.automatically_finalizes_at, invoice.period_end) == (end + HOUR_S, end)
    finalized = client.v1.invoices.finalize_invoice(str(invoice.id))
    assert finalized.status == "open"
    sandbox.advance(HOUR_S)
    assert client.v1.invoices.retrieve(str(invoice.id)).status == "paid"
    assert len(sandbox.objects("charge")) == 2


@pytest.mark.parametrize(
    ("recurring", "days"),
    [
        ({"interval": "year"}, (365, 366)),
        ({"interval": "month", "interval_count": 3}, (89, 92)),
        ({"interval": "day"}, (1, 1)),
    ],
)
def test_a_period_is_as_long_as_its_price_says(
    sandbox: Sandbox, client: stripe.StripeClient, recurring: dict[str, Any], days: tuple[int, int]
) -> None:
    subscription = subscribe(sandbox, client, make_price(client, **recurring))
    renewed = sandbox.renew(subscription.id)
    (line,) = renewed["invoice"]["lines"]["data"]
    shortest, longest = days
    assert shortest * DAY_S <= line["period"]["end"] - line["period"]["start"] <= longest * DAY_S
    assert renewed["invoice"]["status"] == "paid"
    assert renewed["subscription"]["items"]["data"][0]["current_period_start"] == line["period"]["start"]


def test_a_trial_takes_a_card_and_charges_it_when_it_ends(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    session = open_checkout(
        client, make_price(client), subscription_data={"trial_period_days": 14, "metadata": {"account": "7"}}
    )
    assert (session.amount_total, session.payment_status) == (0, "no_payment_required")
    before = count_events(sandbox)
    paid = sandbox.pay(session.id)["session"]
    assert (paid["payment_status"], paid["status"]) == ("no_payment_required", "complete")
    assert list_event_types(sandbox)[before:] == [
        "customer.created",
        "setup_intent.created",
        "setup_intent.succeeded",
        "payment_method.attached",
        "customer.subscription.created",
        *FIRST,
        "checkout.session.completed",
    ]
    subscription = client.v1.subscriptions.retrieve(paid["subscription"])
    assert (subscription.status, subscription.trial_end) == (
        "trialing",
        subscription.start_date + 14 * DAY_S,
    )
    (free,) = sandbox.objects("invoice")
    assert (free["total"], free["status"], sandbox.objects("charge")) == (0, "paid", [])
    assert free["lines"]["data"][0]["description"] == "Trial period for Plus"

    before = count_events(sandbox)
    sandbox.advance(14 * DAY_S + 2 * HOUR_S)
    assert list_since(sandbox, before) == [
        "invoice.upcoming",
        "customer.subscription.trial_will_end",
        *RENEWED,
    ]
    warned = [e for e in sandbox.objects("event") if e["type"] == "customer.subscription.trial_will_end"]
    assert [event["created"] for event in warned] == [subscription.start_date + 11 * DAY_S]
    updated = find_event(sandbox, "customer.subscription.updated")
    assert (updated["object"]["status"], updated["previous_attributes"]["status"]) == ("active", "trialing")
    assert sandbox.objects("invoice")[-1]["amount_paid"] == 4000


def test_a_trial_without_a_card_is_past_due_when_it_ends(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    session = open_checkout(
        client,
        make_price(client),
        subscription_data={"trial_period_days": 7},
        payment_method_collection="if_required",
    )
    assert "card-number" not in requests.get(str(session.url), timeout=5).text
    subscription = sandbox.pay(session.id)["session"]["subscription"]
    renewed = sandbox.renew(subscription)
    assert (renewed["subscription"]["status"], renewed["invoice"]["status"]) == ("past_due", "open")


def test_a_canceled_subscription_ends_at_its_periods_end_or_at_once(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    kept, dropped = subscribe(sandbox, client), subscribe(sandbox, client)
    ending = client.v1.subscriptions.update(kept.id, {"cancel_at_period_end": True})
    end = get_item(kept).current_period_end
    assert (ending.status, ending.cancel_at) == ("active", end)
    assert ending.cancellation_details is not None
    assert ending.cancellation_details.reason == "cancellation_requested"
    back = client.v1.subscriptions.update(kept.id, {"cancel_at_period_end": False})
    assert (back.cancel_at, back.canceled_at, back.cancel_at_period_end) == (None, None, False)
    client.v1.subscriptions.update(kept.id, {"cancel_at_period_end": True})

    canceled = client.v1.subscriptions.cancel(dropped.id, {"cancellation_details": {"comment": "too dear"}})
    assert (canceled.status, canceled.ended_at) == ("canceled", canceled.canceled_at)
    assert find_event(sandbox, "customer.subscription.deleted")["object"]["id"] == dropped.id
    before = count_events(sandbox)
    sandbox.advance(40 * DAY_S)
    assert list_since(sandbox, before) == ["customer.subscription.deleted"]
    gone = client.v1.subscriptions.retrieve(kept.id)
    assert (gone.status, gone.ended_at) == ("canceled", end)
    assert client.v1.subscriptions.list().data == []
    assert [each.id for each in client.v1.subscriptions.list({"status": "canceled"}).data] == [
        dropped.id,
        kept.id,
    ]
    with pytest.raises(stripe.InvalidRequestError, match="can only update its cancellation_details"):
        client.v1.subscriptions.update(kept.id, {"cancel_at_period_end": False})
    noted = client.v1.subscriptions.update(kept.id, {"metadata": {"why": "price"}})
    assert noted.metadata.to_dict() == {"why": "price"}
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription"):
        client.v1.subscriptions.cancel(kept.id)


def test_deleting_a_customer_cancels_its_subscriptions(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    subscription = subscribe(sandbox, client)
    client.v1.customers.delete(str(subscription.customer))
    assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    sandbox.advance(40 * DAY_S)
    assert len(sandbox.objects("invoice")) == 1


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"payment_intent_data": {"description": "x"}},
            "can not pass `payment_intent_data` in `subscription`",
        ),
        ({"invoice_creation": {"enabled": True}}, "can not pass `invoice_creation`"),
        ({"subscription_data": {"trial_period_days": 0}}, "trial period days must be at least 1"),
        ({"payment_method_types": ["card", "sepa_debit"]}, "paid by card only"),
        ({"subscription_data": {"billing_mode": {"type": "classic"}}}, "flexible billing mode only"),
        ({"mode": "payment"}, "passed a recurring price"),
    ],
)
def test_what_belongs_to_another_mode_is_refused(
    client: stripe.StripeClient, params: dict[str, Any], message: str
) -> None:
    order: dict[str, Any] = {
        "mode": "subscription",
        "line_items": [{"price": make_price(client), "quantity": 1}],
    }
    with pytest.raises(stripe.InvalidRequestError, match=message):
        create_session(client, **{**order, **params})


def test_a_price_sold_once_makes_no_subscription(client: stripe.StripeClient) -> None:
    once = {"currency": "usd", "unit_amount": 100, "product_data": {"name": "Pack"}}
    with pytest.raises(stripe.InvalidRequestError, match="at least one recurring price"):
        create_session(client, mode="subscription", line_items=[{"price_data": once, "quantity": 1}])
    recurring = {**once, "recurring": {"interval": "month"}}
    session = create_session(
        client, mode="subscription", line_items=[{"price_data": recurring, "quantity": 2}]
    )
    assert session.amount_total == 200
    with pytest.raises(stripe.InvalidRequestError, match="can not pass `subscription_data`"):
        create_session(client, subscription_data={"description": "x"})
