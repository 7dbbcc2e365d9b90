"""Preview the invoice that a subscription's next renewal, or a change of it, would bring."""

from copy import deepcopy

from sandbox.models import Record
from sandbox.payments.periods import Period, find_period
from sandbox.payments.subscription_changes import Plan
from sandbox.payments.subscriptions import (
    build_subscription_invoice,
    get_items,
    get_period,
    make_period_lines,
)
from sandbox.shapes import Json


def preview_renewal(subscription: Record, plan: Plan | None = None) -> Json:
    """Return the invoice of the next period, as it would be now or after a change. It isn't stored."""
    current = get_period(subscription)
    items = plan.items if plan else get_items(subscription)
    anchor, recurring = subscription.data["billing_cycle_anchor"], items[0]["price"]["recurring"]
    following = find_period(anchor, recurring, current.end)
    lines = [*(plan.lines if plan else []), *make_period_lines(subscription, items, following)]
    return _preview(subscription, lines, "upcoming", current)


def preview_change(subscription: Record, plan: Plan) -> Json:
    """Return the invoice that a change would bring at once."""
    return _preview(subscription, plan.lines, "subscription_update", Period(plan.at, plan.at))


def _preview(subscription: Record, lines: list[Json], reason: str, period: Period) -> Json:
    lines = [*deepcopy(subscription.private["pending"]), *lines]
    for line in lines:
        line["id"] = line["id"].replace("il_1", "il_tmp_1", 1)
    invoice = build_subscription_invoice(subscription, lines, reason, period)
    invoice["id"] = f"upcoming_{invoice['id']}"
    invoice["next_payment_attempt"] = period.end
    for line in lines:
        line["invoice"] = invoice["id"]
    return invoice
