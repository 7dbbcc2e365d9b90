"""Read an event's envelope, and say what each type is about."""

from __future__ import annotations

from contextlib import suppress

from billing.provider.errors import MalformedStripeObject
from billing.provider.objects import EventKind, Json, ProviderEvent
from billing.provider.storing import storable_key
from billing.stripe.objects.reading import id_of, instant, reading, words

# Events of other types are only stored.
KINDS = {
    "checkout.session.completed": EventKind.CHECKOUT,
    "checkout.session.async_payment_succeeded": EventKind.CHECKOUT,
    # The session only says "unpaid", as it did during the payment.
    "checkout.session.async_payment_failed": EventKind.CHECKOUT_FAILED,
    "checkout.session.expired": EventKind.CHECKOUT,
    "payment_intent.succeeded": EventKind.PAYMENT,
    "payment_intent.payment_failed": EventKind.PAYMENT_DECLINED,
    "charge.succeeded": EventKind.CHARGE,
    "charge.pending": EventKind.CHARGE,
    "charge.failed": EventKind.CHARGE,
    "charge.refunded": EventKind.CHARGE_REFUNDED,
    "refund.created": EventKind.REFUND,
    "refund.updated": EventKind.REFUND,
    "refund.failed": EventKind.REFUND,
    "charge.refund.updated": EventKind.REFUND,
    "charge.dispute.created": EventKind.DISPUTE,
    "charge.dispute.updated": EventKind.DISPUTE,
    "charge.dispute.funds_withdrawn": EventKind.DISPUTE,
    "charge.dispute.funds_reinstated": EventKind.DISPUTE,
    "charge.dispute.closed": EventKind.DISPUTE,
    "product.created": EventKind.CATALOG,
    "product.updated": EventKind.CATALOG,
    "product.deleted": EventKind.CATALOG,
    "price.created": EventKind.CATALOG,
    "price.updated": EventKind.CATALOG,
    "price.deleted": EventKind.CATALOG,
    "customer.updated": EventKind.CUSTOMER,
    "customer.deleted": EventKind.CUSTOMER_DELETED,
    "payment_method.attached": EventKind.METHOD,
    "payment_method.updated": EventKind.METHOD,
    "payment_method.automatically_updated": EventKind.METHOD,
    "payment_method.detached": EventKind.METHOD_DETACHED,
    "setup_intent.succeeded": EventKind.CARD_SET_UP,
    "customer.subscription.created": EventKind.SUBSCRIPTION,
    "customer.subscription.updated": EventKind.SUBSCRIPTION,
    "customer.subscription.deleted": EventKind.SUBSCRIPTION,
    "customer.subscription.paused": EventKind.SUBSCRIPTION,
    "customer.subscription.resumed": EventKind.SUBSCRIPTION,
    "invoice.paid": EventKind.SUBSCRIPTION,
    "invoice.payment_failed": EventKind.SUBSCRIPTION,
    "invoice.payment_action_required": EventKind.SUBSCRIPTION,
    "invoice.voided": EventKind.SUBSCRIPTION,
    "invoice.marked_uncollectible": EventKind.SUBSCRIPTION,
}


def read_event(payload: Json) -> ProviderEvent:
    """Read an event; its object is read by the handler. Raises `MalformedStripeObject`."""
    with reading("event"):
        subject = dict(payload["data"]["object"])
        return ProviderEvent(
            id=storable_key(_any_text(payload["id"])),
            type=words(_any_text(payload["type"]), 100),
            kind=KINDS.get(payload["type"]),
            created=instant(payload["created"]),
            api_version=words(payload.get("api_version"), 50),
            livemode=bool(payload["livemode"]),
            account=words(payload.get("account")),
            payment_ref=_payment_ref(subject),
            subject=subject,
            payload=payload,
        )


def _payment_ref(subject: Json) -> str:
    own, kind = subject.get("id"), subject.get("object")
    intent = own if kind == "payment_intent" else subject.get("payment_intent")
    charge = own if kind == "charge" else subject.get("charge")
    with suppress(MalformedStripeObject), reading("event"):
        return id_of(intent) or id_of(charge) or ""
    return ""


def _any_text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"expected text, got {value!r:.50}")
    return value
