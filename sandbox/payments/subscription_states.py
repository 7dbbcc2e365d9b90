"""Move subscriptions between their states: active, past due, unpaid and canceled."""

from typing import Literal

from sandbox import clock, store
from sandbox.models import Record
from sandbox.shapes import Json
from sandbox.webhooks.events import change_and_emit, emit

Ending = Literal["canceled", "unpaid", "past_due"]
OVER = ("canceled", "incomplete_expired")
_UNSETTLED = ("past_due", "unpaid")


def find_subscription(invoice: Json) -> Record | None:
    """Find the subscription that an invoice bills; None for any other invoice."""
    subscription_id = get_subscription_id(invoice)
    return store.get_record("subscription", subscription_id) if subscription_id else None


def get_subscription_id(invoice: Json) -> str | None:
    parent = invoice["parent"]
    return parent["subscription_details"]["subscription"] if parent else None


def note_settled(invoice: Record) -> None:
    """Put a subscription in order again once its latest invoice is off the books: paid, void or uncollectible."""
    subscription = find_subscription(invoice.data)
    if subscription is None or subscription.data["latest_invoice"] != invoice.id:
        return
    if subscription.data["status"] in _UNSETTLED:
        change_and_emit(subscription, "customer.subscription.updated", status="active")


def note_unpaid(subscription: Record) -> None:
    """Mark a subscription as past due, unless it is unpaid already."""
    if subscription.data["status"] in ("active", "trialing"):
        change_and_emit(subscription, "customer.subscription.updated", status="past_due")


def give_up(subscription: Record, ending: Ending) -> None:
    """End what no retry could collect, as the account's settings say."""
    if ending == "canceled":
        cancel(subscription, reason="payment_failed")
    elif ending == "unpaid":
        change_and_emit(subscription, "customer.subscription.updated", status="unpaid")


def cancel(subscription: Record, *, reason: str | None = None, **details: str | None) -> None:
    """End a subscription now. Its open invoices can still be paid, but are no longer charged by themselves."""
    now = clock.get_now()
    subscription.due = None
    former = subscription.data["cancellation_details"]
    store.change(
        subscription,
        status="canceled",
        canceled_at=subscription.data["canceled_at"] or now,
        cancellation_details={**former, "reason": former["reason"] or reason, **details},
        ended_at=now,
    )
    emit("customer.subscription.deleted", subscription.data)
    for invoice in list_invoices(subscription, "draft", "open"):
        invoice.due = None
        change_and_emit(invoice, "invoice.updated", auto_advance=False, next_payment_attempt=None)


def cancel_all(customer_id: str) -> None:
    """End all subscriptions of a customer."""
    for subscription in store.list_records("subscription").filter(data__customer=customer_id).order_by("seq"):
        if subscription.data["status"] not in OVER:
            cancel(subscription)


def forget_method(method_id: str) -> None:
    """Charge subscriptions no longer by a method that was detached; the customer's default may take its place."""
    for subscription in store.list_records("subscription").filter(data__default_payment_method=method_id):
        change_and_emit(subscription, "customer.subscription.updated", default_payment_method=None)


def list_methods(customer_id: str) -> set[str]:
    """List the methods that a customer's subscriptions are charged by, rather than by the customer's default."""
    subscriptions = store.list_records("subscription").filter(data__customer=customer_id)
    methods = subscriptions.values_list("data__default_payment_method", flat=True)
    return {method for method in methods if method is not None}


def list_invoices(subscription: Record, *statuses: str) -> list[Record]:
    """List a subscription's invoices in these states, oldest first."""
    invoices = store.list_records("invoice").filter(
        data__parent__subscription_details__subscription=subscription.id, data__status__in=statuses
    )
    return list(invoices.order_by("seq"))
