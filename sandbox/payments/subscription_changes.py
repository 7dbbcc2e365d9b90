"""Change what a subscription is for: other prices or quantities, prorated by the second, invoiced now or later."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sandbox import store
from sandbox.models import Record
from sandbox.payments import invoicing
from sandbox.payments.invoice_lines import make_credit_line, make_debit_line
from sandbox.payments.periods import Period, find_period
from sandbox.payments.subscriptions import (
    draft_invoice,
    get_items,
    get_period,
    make_period_lines,
    remember_debits,
    report_change,
)
from sandbox.shapes import Json

Proration = Literal["always_invoice", "create_prorations", "none"]


@dataclass(frozen=True)
class Plan:
    """Hold what a change comes to: the new items, the lines that bill it, and whether it begins a new cycle."""

    at: int
    items: list[Json]
    lines: list[Json]
    begins_cycle: bool = False


def plan_change(subscription: Record, changed: Sequence[Json], proration: Proration, at: int) -> Plan:
    """Work out a change of items at this moment, without making it.

    As at Stripe, another billing interval begins a new cycle, which is charged in full. A trial goes on as it is.
    """
    former, new = get_items(subscription), {item["id"]: item for item in changed}
    items = [new.get(item["id"], item) for item in former]
    pairs = [(old, item) for old, item in zip(former, items, strict=True) if _differs(old, item)]
    if subscription.data["status"] == "trialing" or not pairs:
        return Plan(at, items, [])
    credits = _credit(subscription, [old for old, _ in pairs], at) if proration != "none" else []
    if _get_cycle(items[0]) != _get_cycle(former[0]):
        period = find_period(at, items[0]["price"]["recurring"], at)
        items = [
            {**item, "current_period_end": period.end, "current_period_start": period.start} for item in items
        ]
        charged = make_period_lines(subscription, items, period)
        return Plan(at, items, [*credits, *charged], begins_cycle=True)
    if proration == "none":
        return Plan(at, items, [])
    whole = get_period(subscription)
    return Plan(
        at, items, [*credits, *(make_debit_line(subscription.data, item, whole, at) for _, item in pairs)]
    )


def _differs(old: Json, new: Json) -> bool:
    return (old["price"]["id"], old["quantity"]) != (new["price"]["id"], new["quantity"])


def _get_cycle(item: Json) -> tuple[str, int]:
    recurring = item["price"]["recurring"]
    return recurring["interval"], recurring["interval_count"]


def list_credits(subscription: Record, at: int) -> list[Json]:
    """Return lines that credit the rest of the current period."""
    return _credit(subscription, get_items(subscription), at)


def _credit(subscription: Record, items: list[Json], at: int) -> list[Json]:
    """Credit what was last charged for items. It may be another price: one changed without proration wasn't."""
    debits = subscription.private["debits"]
    lines = [make_credit_line(subscription.data, item, debits[item["id"]], at) for item in items]
    return [line for line in lines if line["amount"]]


def apply_plan(subscription: Record, plan: Plan, previous: Json) -> None:
    """Give a subscription its new items, and emit its event, with the former values of what else was changed."""
    fields: Json = {"items": {**subscription.data["items"], "data": plan.items}}
    if plan.begins_cycle:
        subscription.private["told"] = []
        fields["billing_cycle_anchor"] = plan.at
    if subscription.data["cancel_at_period_end"]:
        fields["cancel_at"] = plan.items[0]["current_period_end"]
    previous |= store.change(subscription, **fields)
    report_change(subscription, previous)


def invoice_lines(subscription: Record, lines: list[Json], at: int) -> Record:
    """Draft and finalize the invoice of a change, ready to be collected."""
    invoice = draft_invoice(subscription, lines, "subscription_update", Period(at, at))
    invoicing.finalize(invoice)
    return invoice


def postpone_lines(subscription: Record, lines: list[Json]) -> None:
    """Keep lines for the next invoice."""
    subscription.private["pending"] += lines
    remember_debits(subscription, lines)
