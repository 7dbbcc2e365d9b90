"""Create subscriptions, start their periods and bill them."""

from typing import Any

from sandbox import clock, store
from sandbox.models import Record
from sandbox.payments import invoicing
from sandbox.payments.invoice_lines import describe_debit, make_period_line, make_trial_line
from sandbox.payments.periods import DAY_S, Period, find_period
from sandbox.payments.subscription_states import OVER
from sandbox.payments.taxes import find_rate
from sandbox.shapes import Json, make_object
from sandbox.webhooks.events import emit

# How long before a period ends its `invoice.upcoming` comes, and before a trial ends its warning.
_UPCOMING_S = 7 * DAY_S
_TRIAL_WARNING_S = 3 * DAY_S


def add_subscription(
    customer: Json, prices: list[tuple[Json, int]], *, trial_end: int | None = None, **fields: Any
) -> Record:
    """Store a subscription to these prices and quantities, whose first period begins now. Emits no event."""
    now = clock.get_now()
    anchor = now if trial_end is None else trial_end
    data = make_object(
        "subscription",
        billing_cycle_anchor=anchor,
        currency=prices[0][0]["currency"],
        customer=customer["id"],
        start_date=now,
        status="active" if trial_end is None else "trialing",
        trial_end=trial_end,
        trial_start=None if trial_end is None else now,
        **fields,
    )
    data["billing_mode"]["updated_at"] = now
    period = find_period(anchor, prices[0][0]["recurring"], now)
    data["items"]["url"] = f"/v1/subscription_items?subscription={data['id']}"
    data["items"]["data"] = [make_item(data["id"], price, quantity, period) for price, quantity in prices]
    subscription = store.add_object(data, private={"pending": [], "debits": {}, "told": [], "tax_ids": []})
    plan_next(subscription)
    return subscription


def make_item(subscription_id: str, price: Json, quantity: int, period: Period) -> Json:
    return make_object(
        "subscription_item",
        current_period_end=period.end,
        current_period_start=period.start,
        price=price,
        plan=describe_plan(price),
        quantity=quantity,
        subscription=subscription_id,
    )


def describe_plan(price: Json) -> Json:
    """Return a price in the older form that Stripe still shows beside it."""
    copied = "active billing_scheme created currency id livemode metadata nickname product tiers_mode".split()
    return make_object(
        "plan",
        amount=price["unit_amount"],
        amount_decimal=price["unit_amount_decimal"],
        **{name: price[name] for name in copied},
        **price["recurring"],
    )


def get_items(subscription: Record) -> list[Json]:
    items: list[Json] = subscription.data["items"]["data"]
    return items


def get_period(subscription: Record) -> Period:
    """Return the current period. All items have the same."""
    item = get_items(subscription)[0]
    return Period(item["current_period_start"], item["current_period_end"])


def plan_next(subscription: Record) -> None:
    """Set when the subscription next needs attention: a warning, an end or a renewal."""
    subscription.due = None if subscription.data["status"] in OVER else min(list_steps(subscription))[0]
    subscription.save()


def list_steps(subscription: Record) -> list[tuple[int, str]]:
    """List what time brings to a subscription that isn't over: when, and what."""
    data, period = subscription.data, get_period(subscription)
    start, end = period.start, period.end
    ends_at = end if data["cancel_at_period_end"] else data["cancel_at"]
    steps = [(end, "renew")]
    if ends_at is not None:
        steps.append((ends_at, "cancel"))
    if ends_at is None or ends_at > end:
        steps.append((max(start, end - _UPCOMING_S), "tell upcoming"))
    if data["status"] == "trialing":
        steps.append((max(start, end - _TRIAL_WARNING_S), "tell trial"))
    if subscription.private.get("held"):
        steps.append((subscription.private["held"]["expires_at"], "expire update"))
    told = subscription.private["told"]
    return [(moment, what) for moment, what in steps if what not in told]


def make_period_lines(subscription: Record, items: list[Json], period: Period) -> list[Json]:
    """Return the lines for a paid period of all items."""
    return [make_period_line(subscription.data, item, period) for item in items]


def _make_first_lines(subscription: Record) -> list[Json]:
    items, period = get_items(subscription), get_period(subscription)
    if subscription.data["status"] != "trialing":
        return make_period_lines(subscription, items, period)
    return [make_trial_line(subscription.data, item, period) for item in items]


def build_subscription_invoice(subscription: Record, lines: list[Json], reason: str, period: Period) -> Json:
    """Return a draft with these lines. `period` is the invoice's, which at a renewal is the one before the lines'."""
    data = subscription.data
    customer = store.get_object("customer", data["customer"])
    is_taxed = data["automatic_tax"]["enabled"]
    rate = find_rate(customer["address"], subscription.private["tax_ids"]) if is_taxed else None
    details = {"metadata": dict(data["metadata"]), "subscription": subscription.id}
    return invoicing.build_invoice(
        customer,
        data["currency"],
        lines,
        rate,
        auto_advance=True,
        billing_reason=reason,
        description=data["description"] if reason == "subscription_create" else None,
        parent={"quote_details": None, "subscription_details": details, "type": "subscription_details"},
        period_end=period.end,
        period_start=period.start,
    )


def draft_invoice(
    subscription: Record, lines: list[Json], reason: str, period: Period, finalizes_at: int | None = None
) -> Record:
    """Store a draft with these lines and those that were pending, and emit its event.

    The clock finalizes it at the given time; without one, the caller must, or it stays a draft.
    """
    lines = [*subscription.private["pending"], *lines]
    data = build_subscription_invoice(subscription, lines, reason, period)
    data.update(automatically_finalizes_at=finalizes_at, next_payment_attempt=finalizes_at)
    invoice = invoicing.add_draft(data, lines, finalizes_at)
    subscription.private["pending"] = []
    remember_debits(subscription, lines)
    store.change(subscription, latest_invoice=invoice.id)
    return invoice


def remember_debits(subscription: Record, lines: list[Json]) -> None:
    """Remember what each item was last charged: that is what a later change credits."""
    for line in lines:
        if line["amount"] >= 0:
            item_id = line["parent"]["subscription_item_details"]["subscription_item"]
            subscription.private["debits"][item_id] = describe_debit(line)


def bill_first_period(subscription: Record, intent: Record | None) -> Record:
    """Add the invoice of the first period, which this intent has paid, and emit the events of both."""
    now = clock.get_now()
    lines = _make_first_lines(subscription)
    data = build_subscription_invoice(subscription, lines, "subscription_create", Period(now, now))
    remember_debits(subscription, lines)
    store.change(subscription, latest_invoice=data["id"])
    invoice = invoicing.add_paid(data, lines, intent)
    emit("customer.subscription.created", subscription.data)
    invoicing.emit_events_of_paid(invoice)
    return invoice


def start_period(subscription: Record, start: int) -> Json:
    """Move all items to the period that begins now. Return the subscription's former values."""
    items = get_items(subscription)
    period = find_period(subscription.data["billing_cycle_anchor"], items[0]["price"]["recurring"], start)
    moved = [
        {**item, "current_period_end": period.end, "current_period_start": period.start} for item in items
    ]
    subscription.private["told"] = []
    status = "active" if subscription.data["status"] == "trialing" else subscription.data["status"]
    return store.change(subscription, items={**subscription.data["items"], "data": moved}, status=status)


def report_change(subscription: Record, previous: Json) -> None:
    """Emit the event of a change, if there was any, and plan what comes next."""
    plan_next(subscription)
    if previous:
        emit("customer.subscription.updated", subscription.data, previous)


def describe_end(subscription: Record, given: str | int, *, is_flagged: bool) -> Json:
    """Return the fields that end a subscription at a time, or by a word at its period's end; "" takes that back."""
    details = subscription.data["cancellation_details"]
    if given == "":
        fields = dict.fromkeys(("cancel_at", "canceled_at"))
        return {**fields, "cancel_at_period_end": False, "cancellation_details": {**details, "reason": None}}
    at = get_period(subscription).end if isinstance(given, str) else given
    return {
        "cancel_at": at,
        "cancel_at_period_end": is_flagged,
        "canceled_at": clock.get_now(),
        "cancellation_details": {**details, "reason": "cancellation_requested"},
    }
