"""Hold a subscription's change back until its invoice is paid (`payment_behavior=pending_if_incomplete`)."""

from copy import deepcopy
from typing import Any

from sandbox import clock, store
from sandbox.models import Record
from sandbox.payments import invoicing
from sandbox.payments.periods import HOUR_S
from sandbox.payments.subscription_changes import Plan, apply_plan, invoice_lines
from sandbox.payments.subscription_states import find_subscription
from sandbox.payments.subscriptions import get_period, plan_next
from sandbox.webhooks.events import change_and_emit, emit

_KEPT_S = 23 * HOUR_S


def hold_plan(subscription: Record, plan: Plan) -> Record:
    """Invoice a change, and keep it until `apply_held` or `discard_held`. Return the invoice.

    It is given up when the period ends, if not before.
    """
    held = {
        "debits": deepcopy(subscription.private["debits"]),
        "expires_at": min(clock.get_now() + _KEPT_S, get_period(subscription).end),
        "plan": vars(plan),
    }
    invoice = invoice_lines(subscription, plan.lines, plan.at)
    subscription.private["held"] = {**held, "invoice": invoice.id}
    subscription.save()
    return invoice


def is_held(subscription: Record) -> bool:
    return subscription.private.get("held") is not None


def find_holder(invoice: Record) -> Record | None:
    """Find the subscription that waits for this invoice to change."""
    subscription = find_subscription(invoice.data)
    held: dict[str, Any] | None = subscription.private.get("held") if subscription else None
    return subscription if held and held["invoice"] == invoice.id else None


def show_pending(subscription: Record) -> None:
    """Show the change that waits for its payment."""
    held = subscription.private["held"]
    update = {
        "billing_cycle_anchor": None,
        "discounts": None,
        "expires_at": held["expires_at"],
        "metadata": None,
        "subscription_items": held["plan"]["items"],
        "trial_end": None,
        "trial_from_plan": None,
    }
    change_and_emit(subscription, "customer.subscription.updated", pending_update=update)
    plan_next(subscription)


def apply_held(invoice: Record) -> None:
    """Make the change that waited for this invoice, if any did."""
    subscription = find_holder(invoice)
    if subscription is None:
        return
    plan, was_shown = (
        Plan(**subscription.private["held"]["plan"]),
        subscription.data["pending_update"] is not None,
    )
    subscription.private["held"] = None
    apply_plan(subscription, plan, store.change(subscription, pending_update=None))
    if was_shown:
        emit("customer.subscription.pending_update_applied", subscription.data)


def discard_held(invoice: Record) -> None:
    """Give up the change that waited for this invoice, if any did."""
    subscription = find_holder(invoice)
    if subscription is None:
        return
    subscription.private["debits"] = subscription.private["held"]["debits"]
    subscription.private["held"] = None
    change_and_emit(subscription, "customer.subscription.updated", pending_update=None)
    plan_next(subscription)


def expire_held(subscription: Record) -> None:
    """Void the invoice that wasn't paid in time, and give up its change."""
    invoice = store.get_record("invoice", subscription.private["held"]["invoice"])
    emit("customer.subscription.pending_update_expired", subscription.data)
    if invoice.data["status"] in invoicing.PAYABLE:
        invoicing.void(invoice)
    discard_held(invoice)
