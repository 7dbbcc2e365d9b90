"""Call Stripe about subscriptions and their invoices, for `billing.stripe.gateway`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from billing.provider.errors import (
    CardDeclined,
    InvoiceNotFound,
    PaymentDeclined,
    StripeRefused,
    SubscriptionNotFound,
)
from billing.provider.interface import SubscriptionRequest
from billing.provider.objects import (
    CheckoutSession,
    Invoice,
    ListedInvoice,
    ProviderInvoice,
    ProviderSubscription,
)
from billing.stripe.client import LIST_PAGE, call, client, pages
from billing.stripe.customers import naming_a_customer
from billing.stripe.objects.payments import read_invoice, read_session
from billing.stripe.objects.subscriptions import (
    OURS,
    read_listed_invoice,
    read_subscription,
    read_subscription_invoice,
)

# What Stripe answers if the bank declines, or asks for the customer, who isn't on a page of its own.
DECLINED = ("card_declined", "authentication_required", "subscription_payment_intent_requires_action")
# What it answers if there is no object of this id.
GONE = "resource_missing"


def create_subscription_session(request: SubscriptionRequest) -> CheckoutSession:
    """Open the hosted page for a subscription, under a key as that of a purchase."""
    metadata = {
        OURS: request.subscription_id,
        "user_id": request.user_id,
        "plan_code": request.plan_code,
    }
    data: dict[str, Any] = {"metadata": metadata}
    if request.trial_days:
        data["trial_period_days"] = request.trial_days
    params: Any = {
        "mode": "subscription",
        "line_items": [{"price": request.price_id, "quantity": 1}],
        "customer": request.customer_id,
        "client_reference_id": request.subscription_id,
        "metadata": metadata,
        # Stripe does not copy a session's metadata to its subscription.
        "subscription_data": data,
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "expires_at": int(request.expires_at.timestamp()),
        # The subscription's invoices are taxed as its checkout is.
        "automatic_tax": {"enabled": request.with_tax},
        "allow_promotion_codes": False,
    }
    if request.with_tax_details or request.with_tax:
        params["billing_address_collection"] = "required"
        params["tax_id_collection"] = {"enabled": True}
        params["customer_update"] = {"address": "auto", "name": "auto"}
    options: Any = {"idempotency_key": f"subscription-{request.subscription_id}-{request.customer_id}"}
    with naming_a_customer():
        return read_session(call(lambda: client().v1.checkout.sessions.create(params, options)))


def retrieve_subscription(subscription_id: str) -> ProviderSubscription:
    try:
        return read_subscription(call(lambda: client().v1.subscriptions.retrieve(subscription_id)))
    except StripeRefused as error:
        if error.params.get("stripe_code") == GONE:
            raise SubscriptionNotFound("Stripe has no such subscription.", **error.params) from error
        raise


def invoices_of_subscription(subscription_id: str) -> Iterator[ProviderInvoice]:
    params = {"subscription": subscription_id, "limit": LIST_PAGE, "expand": ["data.payments"]}
    for data in pages(client().v1.invoices.list, params):
        yield read_subscription_invoice(data, _lines_of(data))


def retrieve_invoice(invoice_id: str) -> Invoice:
    return read_invoice(call(lambda: client(hurried=True).v1.invoices.retrieve(invoice_id)))


def retrieve_listed_invoice(invoice_id: str) -> ListedInvoice:
    try:
        expand: Any = {"expand": ["payments"]}
        return read_listed_invoice(call(lambda: client().v1.invoices.retrieve(invoice_id, expand)))
    except StripeRefused as error:
        if error.params.get("stripe_code") == GONE:
            raise InvoiceNotFound("Stripe has no such invoice.", **error.params) from error
        raise


def change_price(subscription_id: str, item_id: str, price_id: str, *, at_once: bool) -> ProviderSubscription:
    params: Any = {"items": [{"id": item_id, "price": price_id}], "proration_behavior": "none"}
    if at_once:
        params |= {"proration_behavior": "always_invoice", "payment_behavior": "error_if_incomplete"}
    try:
        return read_subscription(call(lambda: client().v1.subscriptions.update(subscription_id, params)))
    except StripeRefused as error:
        if isinstance(error, CardDeclined) or error.params.get("stripe_code") in DECLINED:
            raise PaymentDeclined(
                "Your bank declined the payment. Nothing was changed.", **error.params
            ) from error
        raise


def charge_subscription_to(subscription_id: str, method_id: str) -> None:
    params: Any = {"default_payment_method": method_id}
    call(lambda: client().v1.subscriptions.update(subscription_id, params))


def set_ending(subscription_id: str, *, ends: bool) -> ProviderSubscription:
    params: Any = {"cancel_at_period_end": ends}
    return read_subscription(call(lambda: client().v1.subscriptions.update(subscription_id, params)))


def end_subscription(subscription_id: str) -> ProviderSubscription:
    return read_subscription(call(lambda: client().v1.subscriptions.cancel(subscription_id)))


def _lines_of(data: Any) -> list[Any]:
    """Return all lines of an invoice, which itself has the first ten."""
    if not data["lines"]["has_more"]:
        return list(data["lines"]["data"])
    fetch = client().v1.invoices.line_items.list
    return list(pages(lambda params: fetch(data["id"], params), {"limit": LIST_PAGE}))
