"""Changing what a subscription is for: prorations by the second, when they are paid, and what they would come to."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.calling import find_event
from tests.sandbox.subscribing import DAY_S, DECLINES, PAYS, get_item, list_since, make_price, subscribe
from tests.support.sandbox import Sandbox

PAID = ["invoice.updated", "invoice.paid", "invoice.payment_succeeded"]


@pytest.fixture
def prices(client: stripe.StripeClient) -> tuple[str, str]:
    """The prices of the plans Plus, 40 dollars a month, and Max, 140."""
    return make_price(client), make_price(client, "Max", 14_000)


@pytest.fixture
def plus(sandbox: Sandbox, client: stripe.StripeClient, prices: tuple[str, str]) -> stripe.Subscription:
    """A subscription to Plus, ten days old."""
    subscription = subscribe(sandbox, client, prices[0])
    sandbox.advance(10 * DAY_S)
    return subscription


def change(
    client: stripe.StripeClient, subscription: stripe.Subscription, price: str, **how: Any
) -> stripe.Subscription:
    items = [{"id": get_item(subscription).id, "price": price}]
    params: Any = {"items": items, **how}
    return client.v1.subscriptions.update(subscription.id, params)


def share(amount: int, subscription: stripe.Subscription, at: int) -> int:
    """What is left of an amount for a whole period at this moment, to the nearest cent."""
    item = get_item(subscription)
    rest, whole = item.current_period_end - at, item.current_period_end - item.current_period_start
    return (2 * amount * rest + whole) // (2 * whole)


def test_an_upgrade_is_prorated_by_the_second_and_paid_at_once(
    sandbox: Sandbox, client: stripe.StripeClient, plus: stripe.Subscription, prices: tuple[str, str]
) -> None:
    first, before = str(plus.latest_invoice), len(sandbox.objects("event"))
    at = plus.start_date + 8 * DAY_S + 1
    changed = change(client, plus, prices[1], proration_behavior="always_invoice", proration_date=at)
    assert list_since(sandbox, before) == [
        "invoice.created",
        "invoice.finalized",
        "customer.subscription.updated",
        *PAID,
    ]
    item = get_item(changed)
    assert (item.id, item.price.id, item.current_period_end) == (
        get_item(plus).id,
        prices[1],
        get_item(plus).current_period_end,
    )
    updated = find_event(sandbox, "customer.subscription.updated")["previous_attributes"]
    assert updated["latest_invoice"] == first
    assert updated["items"]["data"][0]["price"]["id"] == prices[0]
    invoice = client.v1.invoices.retrieve(str(changed.latest_invoice))
    assert (invoice.billing_reason, invoice.status) == ("subscription_update", "paid")
    credit, debit = (line.to_dict() for line in invoice.lines.data)
    assert (credit["amount"], debit["amount"]) == (-share(4000, plus, at), share(14_000, plus, at))
    assert invoice.total == invoice.amount_paid == credit["amount"] + debit["amount"]
    assert credit["description"].startswith("Unused time on Plus after ")
    assert debit["description"].startswith("Remaining time on Max after ")
    assert credit["period"] == debit["period"] == {"start": at, "end": item.current_period_end}
    (paid,) = client.v1.invoices.retrieve(first).lines.data
    for line, origin in ((credit, {"invoice": first, "invoice_line_items": [paid.id]}), (debit, None)):
        details = line["parent"]["subscription_item_details"]
        assert (details["proration"], details["subscription_item"]) == (True, item.id)
        assert details["invoice_item"].startswith("ii_")
        assert details["proration_details"] == {"credited_items": origin}
    renewed = sandbox.renew(plus.id)["invoice"]
    assert (renewed["total"], len(renewed["lines"]["data"])) == (14_000, 1)


def test_prorations_may_wait_for_the_next_invoice(
    sandbox: Sandbox, client: stripe.StripeClient, plus: stripe.Subscription, prices: tuple[str, str]
) -> None:
    at = sandbox.get("/_sandbox/clock")["now"]
    change(client, plus, prices[1], proration_date=at)
    assert len(sandbox.objects("invoice")) == 1
    invoice = sandbox.renew(plus.id)["invoice"]
    amounts = [line["amount"] for line in invoice["lines"]["data"]]
    assert amounts == [-share(4000, plus, at), share(14_000, plus, at), 14_000]
    assert invoice["amount_paid"] == sum(amounts)
    assert sandbox.renew(plus.id)["invoice"]["amount_paid"] == 14_000


def test_a_change_without_proration_costs_nothing_until_the_next_period(
    sandbox: Sandbox, client: stripe.StripeClient, prices: tuple[str, str]
) -> None:
    """So a downgrade at the end of the period needs no schedule. What is credited later is what was paid."""
    maximum = subscribe(sandbox, client, prices[1])
    downgraded = change(client, maximum, prices[0], proration_behavior="none")
    assert (get_item(downgraded).price.id, len(sandbox.objects("invoice"))) == (prices[0], 1)
    at = maximum.start_date + 15 * DAY_S
    sandbox.advance(15 * DAY_S)
    change(client, downgraded, prices[1], proration_behavior="always_invoice", proration_date=at)
    back = sandbox.objects("invoice")[-1]
    assert [line["amount"] for line in back["lines"]["data"]] == [
        -share(14_000, maximum, at),
        share(14_000, maximum, at),
    ]
    assert (back["amount_due"], back["status"]) == (0, "paid")
    change(client, downgraded, prices[0], proration_behavior="none")
    assert sandbox.renew(maximum.id)["invoice"]["amount_paid"] == 4000


def test_a_downgrade_that_is_invoiced_becomes_the_customers_credit(
    sandbox: Sandbox, client: stripe.StripeClient, prices: tuple[str, str]
) -> None:
    maximum = subscribe(sandbox, client, prices[1])
    at = maximum.start_date + 10 * DAY_S
    sandbox.advance(10 * DAY_S)
    change(client, maximum, prices[0], proration_behavior="always_invoice", proration_date=at)
    invoice = sandbox.objects("invoice")[-1]
    left = share(14_000, maximum, at) - share(4000, maximum, at)
    assert (invoice["total"], invoice["amount_due"], invoice["status"]) == (-left, 0, "paid")
    assert invoice["ending_balance"] == client.v1.customers.retrieve(str(maximum.customer)).balance == -left
    charges = len(sandbox.objects("charge"))
    renewed = sandbox.renew(maximum.id)["invoice"]
    assert (renewed["total"], renewed["starting_balance"], renewed["amount_due"]) == (4000, -left, 0)
    assert (renewed["ending_balance"], len(sandbox.objects("charge"))) == (4000 - left, charges)


def test_what_is_too_little_to_charge_waits_for_the_next_invoice(
    sandbox: Sandbox, client: stripe.StripeClient, plus: stripe.Subscription
) -> None:
    dearer = make_price(client, "Plus", 4020)
    at = sandbox.get("/_sandbox/clock")["now"]
    change(client, plus, dearer, proration_behavior="always_invoice", proration_date=at)
    invoice = sandbox.objects("invoice")[-1]
    rest = share(4020, plus, at) - share(4000, plus, at)
    assert (invoice["total"], invoice["amount_due"], invoice["status"]) == (rest, 0, "paid")
    assert client.v1.customers.retrieve(str(plus.customer)).balance == rest > 0
    renewed = sandbox.renew(plus.id)["invoice"]
    assert (renewed["amount_paid"], renewed["ending_balance"]) == (4020 + rest, 0)


def test_another_interval_begins_a_new_cycle_that_is_paid_at_once(
    sandbox: Sandbox, client: stripe.StripeClient, plus: stripe.Subscription
) -> None:
    yearly = make_price(client, "Plus", 40_000, interval="year")
    at = sandbox.get("/_sandbox/clock")["now"]
    client.v1.subscriptions.update(plus.id, {"cancel_at_period_end": True})
    changed = change(client, plus, yearly, proration_date=at)
    item = get_item(changed)
    assert (item.current_period_start, changed.billing_cycle_anchor) == (at, at)
    assert changed.cancel_at == item.current_period_end
    client.v1.subscriptions.update(plus.id, {"cancel_at_period_end": False})
    assert 365 * DAY_S <= item.current_period_end - at <= 366 * DAY_S
    invoice = sandbox.objects("invoice")[-1]
    amounts = [line["amount"] for line in invoice["lines"]["data"]]
    assert (amounts, invoice["status"]) == ([-share(4000, plus, at), 40_000], "paid")
    renewed = sandbox.renew(plus.id)["invoice"]
    assert (renewed["amount_paid"], renewed["lines"]["data"][0]["period"]["start"]) == (
        40_000,
        item.current_period_end,
    )


def test_quantities_are_prorated_too(
    sandbox: Sandbox, client: stripe.StripeClient, plus: stripe.Subscription
) -> None:
    at = sandbox.get("/_sandbox/clock")["now"]
    params: Any = {
        "items": [{"id": get_item(plus).id, "quantity": 3}],
        "proration_behavior": "always_invoice",
        "proration_date": at,
    }
    client.v1.subscriptions.update(plus.id, params)
    lines = sandbox.objects("invoice")[-1]["lines"]["data"]
    assert [line["amount"] for line in lines] == [-share(4000, plus, at), share(12_000, plus, at)]
    assert lines[1]["description"].startswith("Remaining time on 3 × Plus after ")
    assert sandbox.renew(plus.id)["invoice"]["amount_paid"] == 12_000


def test_a_trial_changes_its_plan_for_free(
    sandbox: Sandbox, client: stripe.StripeClient, prices: tuple[str, str]
) -> None:
    trial = subscribe(sandbox, client, prices[0], trial_period_days=14)
    changed = change(client, trial, prices[1], proration_behavior="always_invoice")
    assert (changed.status, changed.trial_end, len(sandbox.objects("invoice"))) == (
        "trialing",
        trial.trial_end,
        1,
    )
    assert sandbox.renew(trial.id)["invoice"]["amount_paid"] == 14_000


def test_an_upgrade_that_is_declined_stays_as_the_request_asks(
    sandbox: Sandbox, client: stripe.StripeClient, plus: stripe.Subscription, prices: tuple[str, str]
) -> None:
    sandbox.replace_card(str(plus.customer), DECLINES)
    before, invoices = len(sandbox.objects("event")), len(sandbox.objects("invoice"))
    how: dict[str, Any] = {"proration_behavior": "always_invoice"}
    with pytest.raises(stripe.CardError) as refused:
        change(client, plus, prices[1], payment_behavior="error_if_incomplete", **how)
    assert (refused.value.http_status, refused.value.code) == (402, "card_declined")
    assert (len(sandbox.objects("event")), len(sandbox.objects("invoice"))) == (before, invoices)
    assert get_item(client.v1.subscriptions.retrieve(plus.id)).price.id == prices[0]
    allowed = change(client, plus, prices[1], **how)
    assert (allowed.status, get_item(allowed).price.id) == ("past_due", prices[1])
    with pytest.raises(stripe.InvalidRequestError, match="default_incomplete"):
        change(client, plus, prices[1], payment_behavior="default_incomplete")


@pytest.mark.parametrize("end", ["paid", "void", "expired"])
def test_a_pending_update_waits_for_its_payment(
    sandbox: Sandbox,
    client: stripe.StripeClient,
    plus: stripe.Subscription,
    prices: tuple[str, str],
    end: str,
) -> None:
    sandbox.replace_card(str(plus.customer), DECLINES)
    how = {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}
    pending = change(client, plus, prices[1], **how)
    assert (pending.status, get_item(pending).price.id) == ("active", prices[0])
    assert pending.pending_update is not None
    assert pending.pending_update.subscription_items is not None
    assert pending.pending_update.subscription_items[0].price.id == prices[1]
    with pytest.raises(stripe.InvalidRequestError, match="pending update"):
        change(client, plus, prices[1], **how)
    invoice = str(pending.latest_invoice)
    if end == "paid":
        sandbox.replace_card(str(plus.customer), PAYS)
        client.v1.invoices.pay(invoice)
        applied = find_event(sandbox, "customer.subscription.pending_update_applied")["object"]
        assert applied["items"]["data"][0]["price"]["id"] == prices[1]
    elif end == "void":
        client.v1.invoices.void_invoice(invoice)
    else:
        sandbox.advance(23 * 3600)
        expired = find_event(sandbox, "customer.subscription.pending_update_expired")["object"]
        assert expired["id"] == plus.id
    after = client.v1.subscriptions.retrieve(plus.id)
    assert (after.pending_update, after.status) == (None, "active")
    assert get_item(after).price.id == prices[end == "paid"]
    assert client.v1.invoices.retrieve(invoice).status == ("paid" if end == "paid" else "void")
    if end != "paid":  # what was never paid for isn't credited
        at = get_item(after).current_period_end - 5 * DAY_S
        change(client, after, prices[1], proration_behavior="always_invoice", proration_date=at)
        assert sandbox.objects("invoice")[-1]["lines"]["data"][0]["amount"] == -share(4000, after, at)
    with pytest.raises(stripe.InvalidRequestError, match="can't be pending"):
        change(client, plus, prices[1], **how, metadata={"a": "b"})


def test_a_pending_update_that_is_paid_at_once_is_simply_made(
    client: stripe.StripeClient, plus: stripe.Subscription, prices: tuple[str, str]
) -> None:
    how = {"proration_behavior": "always_invoice", "payment_behavior": "pending_if_incomplete"}
    changed = change(client, plus, prices[1], **how)
    assert (changed.pending_update, get_item(changed).price.id) == (None, prices[1])


def test_a_preview_comes_to_what_the_change_then_costs(
    sandbox: Sandbox, client: stripe.StripeClient, plus: stripe.Subscription, prices: tuple[str, str]
) -> None:
    at = sandbox.get("/_sandbox/clock")["now"]
    order: Any = {
        "items": [{"id": get_item(plus).id, "price": prices[1]}],
        "proration_behavior": "always_invoice",
        "proration_date": at,
    }
    preview: Any = {"subscription": plus.id, "subscription_details": order}
    before = len(sandbox.objects("event")), len(sandbox.objects("invoice"))
    shown = client.v1.invoices.create_preview(preview)
    assert str(shown.id).startswith("upcoming_in_")
    assert all(line.id.startswith("il_tmp_") for line in shown.lines.data)
    assert (len(sandbox.objects("event")), len(sandbox.objects("invoice"))) == before
    postponed = {**order, "proration_behavior": "create_prorations"}
    preview = {"subscription": plus.id, "subscription_details": postponed}
    later = client.v1.invoices.create_preview(preview)
    assert later.total == shown.total + 14_000
    assert client.v1.invoices.create_preview({"subscription": plus.id}).total == 4000
    changed = client.v1.subscriptions.update(plus.id, order)
    paid = client.v1.invoices.retrieve(str(changed.latest_invoice))
    assert [line.amount for line in paid.lines.data] == [line.amount for line in shown.lines.data]
    client.v1.subscriptions.update(plus.id, {"cancel_at_period_end": True})
    with pytest.raises(stripe.InvalidRequestError) as none:
        client.v1.invoices.create_preview({"subscription": plus.id})
    assert (none.value.http_status, none.value.code) == (404, "invoice_upcoming_none")


def test_canceling_may_credit_the_rest_of_the_period(
    sandbox: Sandbox, client: stripe.StripeClient, plus: stripe.Subscription
) -> None:
    client.v1.subscriptions.cancel(plus.id, {"prorate": True, "invoice_now": True})
    invoice = sandbox.objects("invoice")[-1]
    assert (invoice["status"], invoice["amount_due"]) == ("paid", 0)
    assert -4000 < invoice["total"] < 0
    assert client.v1.customers.retrieve(str(plus.customer)).balance == invoice["total"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"items": [{"id": "si_none", "price": "PRICE"}]}, "No such subscription_item"),
        ({"items": [{"price": "PRICE"}]}, "adds no items"),
        ({"items": [{"id": "ITEM", "price": "ONCE"}]}, "type=recurring"),
        ({"items": [{"id": "ITEM", "price": "EUROS"}]}, "expected currency: `usd`"),
        ({"items": [{"id": "ITEM", "deleted": True}]}, "deleted"),
        ({"items": [{"id": "ITEM", "quantity": 0}]}, "greater than or equal to 1"),
        ({"proration_date": 1}, "proration date"),
        ({"default_payment_method": "pm_none"}, "No such PaymentMethod"),
        ({"cancel_at": 1}, "must be in the future"),
        ({"cancel_at": "min_period_end", "cancel_at_period_end": True}, "only specify one"),
        ({"trial_end": "now"}, "trial_end"),
        ({"colour": "red"}, "unknown parameter: colour"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_and_changes_nothing(
    client: stripe.StripeClient,
    plus: stripe.Subscription,
    prices: tuple[str, str],
    params: dict[str, Any],
    message: str,
) -> None:
    price = {"product_data": {"name": "Pack"}, "unit_amount": 100}
    month: Any = {"interval": "month"}
    ids = {
        "ITEM": get_item(plus).id,
        "PRICE": prices[1],
        "ONCE": client.v1.prices.create({**price, "currency": "usd"}).id,  # type: ignore[typeddict-item]
        "EUROS": client.v1.prices.create({**price, "currency": "eur", "recurring": month}).id,  # type: ignore[typeddict-item]
    }
    lines = [
        {name: ids.get(value, value) for name, value in line.items()} for line in params.get("items", [])
    ]
    order: Any = {**params, **({"items": lines} if lines else {})}
    before = client.v1.subscriptions.retrieve(plus.id).to_dict()
    with pytest.raises(stripe.InvalidRequestError, match=message):
        client.v1.subscriptions.update(plus.id, order)
    assert client.v1.subscriptions.retrieve(plus.id).to_dict() == before
