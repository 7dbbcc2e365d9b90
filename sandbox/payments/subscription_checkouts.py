"""Open the subscription of a checkout session that is being paid."""

from typing import Any

from sandbox import clock, store
from sandbox.models import Record
from sandbox.payments.buyers import update_customer
from sandbox.payments.periods import DAY_S
from sandbox.payments.subscriptions import add_subscription, bill_first_period


def is_subscription(session: Record) -> bool:
    return bool(session.data["mode"] == "subscription")


def open_subscription(session: Record, intent: Record | None, method_id: str | None) -> None:
    """Create a session's subscription, which is charged by this method from now on, and its first invoice.

    As at Stripe, that happens once the intent has paid: a declined card leaves no subscription, and the events of the
    payment come before there is an invoice that it belongs to.
    """
    given = session.private["subscription_data"]
    subscription = add_subscription(
        store.get_object("customer", session.private["customer"]),
        [(item["price"], item["quantity"]) for item in session.private["line_items"]],
        trial_end=find_trial_end(given),
        default_payment_method=method_id,
        description=given["description"],
        metadata=dict(given["metadata"]),
    )
    if session.data["automatic_tax"]["enabled"]:
        subscription.private["tax_ids"] = session.private["customer_details"]["tax_ids"] or []
        tax = {**subscription.data["automatic_tax"], "enabled": True, "liability": {"type": "self"}}
        store.change(subscription, automatic_tax=tax)
        update_customer(session)  # whose address decides on the tax of each invoice
    invoice = bill_first_period(subscription, intent)
    store.change(session, invoice=invoice.id, subscription=subscription.id)


def find_trial_end(given: dict[str, Any]) -> int | None:
    """Return when a trial that begins now ends; None without one."""
    days: int | None = given["trial_period_days"]
    end: int | None = given["trial_end"]
    return end if days is None else clock.get_now() + days * DAY_S
