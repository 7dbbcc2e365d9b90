"""Implement `billing.provider.interface` on Stripe's API; see there for what each function promises.

Each call goes through `billing.stripe.client`. Each that creates something has an idempotency key made from our row's
id, so a retry, ours after a crash or stripe-python's after a lost response, returns the first result.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from billing.errors import SessionNotFound
from billing.provider.errors import StripeRefused
from billing.provider.interface import CheckoutLine, CheckoutRequest, ListPage, RefundRequest
from billing.provider.objects import (
    BalanceMovement,
    Charge,
    CheckoutSession,
    Invoice,
    ListedInvoice,
    PaymentIntent,
    ProviderCustomer,
    ProviderDispute,
    ProviderEvent,
    ProviderMethod,
    ProviderRefund,
    ProviderSubscription,
    SetUpCard,
    SubscriptionRef,
    TotalsExplained,
)
from billing.stripe.bulkhead import place
from billing.stripe.charging import cancel_payment, charge_method, payments_of_customer, retrieve_payment
from billing.stripe.client import LIST_PAGE, call, client, page_of, pages
from billing.stripe.customers import (
    create_customer,
    delete_customer,
    detach_method,
    list_methods,
    naming_a_customer,
    open_card_page,
    set_default_method,
    update_customer,
)
from billing.stripe.identity import require_own_account, why_not_ours
from billing.stripe.masking import masked
from billing.stripe.mirror import is_mirrored
from billing.stripe.objects.customers import read_customer, read_saved_method, read_set_up_card
from billing.stripe.objects.events import read_event
from billing.stripe.objects.payments import (
    read_charge,
    read_intent,
    read_invoice,
    read_session,
    read_totals_explained,
)
from billing.stripe.objects.reversals import read_balance_movement, read_dispute, read_refund
from billing.stripe.objects.subscriptions import read_listed_invoice, read_subscription, read_subscription_ref
from billing.stripe.portal import open_portal
from billing.stripe.signatures import is_signature, verify_event
from billing.stripe.subscriptions import (
    change_price,
    charge_subscription_to,
    create_subscription_session,
    end_subscription,
    invoices_of_subscription,
    retrieve_invoice,
    retrieve_listed_invoice,
    retrieve_subscription,
    set_ending,
)
from billing.stripe.webhook_addresses import is_listed_sender

__all__ = [
    "cancel_payment",
    "change_price",
    "charge_method",
    "charge_of",
    "charge_of_payment",
    "charge_subscription_to",
    "create_checkout_session",
    "create_customer",
    "create_refund",
    "create_subscription_session",
    "customer_of",
    "delete_customer",
    "detach_method",
    "dispute_of",
    "disputes_page",
    "end_subscription",
    "expire_session",
    "explain_totals",
    "intent_of",
    "invoice_of_session",
    "invoices_of_subscription",
    "invoices_page",
    "is_listed_sender",
    "is_mirrored",
    "is_signature",
    "list_methods",
    "list_refunds",
    "list_sessions",
    "masked",
    "method_of",
    "movements_page",
    "open_card_page",
    "open_portal",
    "payments_of_customer",
    "payments_page",
    "place",
    "read_event",
    "refund_of",
    "refunds_page",
    "require_own_account",
    "retrieve_invoice",
    "retrieve_listed_invoice",
    "retrieve_payment",
    "retrieve_session",
    "retrieve_subscription",
    "session_of",
    "sessions_page",
    "set_default_method",
    "set_ending",
    "set_up_card_of",
    "subscription_of",
    "subscriptions_page",
    "update_customer",
    "verify_event",
    "why_not_ours",
]

# Expands a session's payment with its latest charge, which has the payment method.
WITH_CHARGE = "payment_intent.latest_charge"


def create_checkout_session(request: CheckoutRequest) -> CheckoutSession:
    """Open the hosted page for a purchase.

    A key is bound to its parameters, so the same purchase for another customer, created again, has another key.
    """
    metadata = {
        "purchase_id": request.purchase_id,
        "user_id": request.user_id,
        "package_code": request.package_code,
        "credits": request.credits,
    }
    if request.package_id:
        metadata["package_id"] = request.package_id
    params: Any = {
        "mode": "payment",
        "line_items": _line_items(request),
        "customer": request.customer_id,
        "client_reference_id": request.purchase_id,
        "metadata": metadata,
        # Stripe does not copy a session's metadata to its payment intent.
        "payment_intent_data": {"metadata": metadata, "description": request.package_name},
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "expires_at": int(request.expires_at.timestamp()),
        "custom_text": {"submit": {"message": request.bought}},
        # Set explicitly: an account's defaults would change the amount due or its currency.
        "automatic_tax": {"enabled": bool(request.tax_behavior)},
        "adaptive_pricing": {"enabled": False},
        "allow_promotion_codes": request.with_promotion_codes,
    }
    if request.with_cards:
        params["saved_payment_method_options"] = {"payment_method_save": "enabled"}
    else:
        # The filter that no saved card passes, as ours are all "always".
        params["saved_payment_method_options"] = {"allow_redisplay_filters": ["unspecified"]}
    if request.with_invoice:
        params["invoice_creation"] = {"enabled": True, "invoice_data": {"description": request.bought}}
    if request.with_invoice or request.tax_behavior:
        # Both need the buyer's address and tax id, which Stripe keeps with the customer.
        params["billing_address_collection"] = "required"
        params["tax_id_collection"] = {"enabled": True}
        params["customer_update"] = {"address": "auto", "name": "auto"}
    options: Any = {"idempotency_key": f"purchase-{request.purchase_id}-{request.customer_id}"}
    with naming_a_customer():
        return read_session(call(lambda: client().v1.checkout.sessions.create(params, options)))


def retrieve_session(session_id: str, *, hurried: bool = False) -> CheckoutSession:
    return read_session(_retrieve(session_id, [WITH_CHARGE], hurried=hurried))


def explain_totals(session_id: str, *, with_code: bool) -> TotalsExplained:
    expand = ["total_details.breakdown", *(["discounts.promotion_code"] if with_code else [])]
    return read_totals_explained(_retrieve(session_id, expand))


def _retrieve(session_id: str, expand: list[str], *, hurried: bool = False) -> Any:
    try:
        v1 = client(hurried).v1
        return call(lambda: v1.checkout.sessions.retrieve(session_id, {"expand": expand}))
    except StripeRefused as error:
        if error.params.get("stripe_code") == "resource_missing":
            raise SessionNotFound("Stripe knows no such session.", session=session_id) from error
        raise


def invoice_of_session(session_id: str) -> Invoice | None:
    v1 = client(hurried=True).v1
    data = call(lambda: v1.checkout.sessions.retrieve(session_id, {"expand": ["invoice"]}))
    return read_invoice(data["invoice"]) if data.get("invoice") else None


def list_sessions(start: datetime.datetime, end: datetime.datetime) -> Iterator[CheckoutSession]:
    params = {**_created_in(start, end), "expand": [f"data.{WITH_CHARGE}"]}
    for data in pages(client().v1.checkout.sessions.list, params):
        yield read_session(data)


def sessions_page(start: datetime.datetime, end: datetime.datetime, after: str) -> ListPage[CheckoutSession]:
    params = {**_created_in(start, end), "expand": [f"data.{WITH_CHARGE}"]}
    return page_of(client().v1.checkout.sessions.list, params, after, read_session)


def payments_page(start: datetime.datetime, end: datetime.datetime, after: str) -> ListPage[PaymentIntent]:
    params = {**_created_in(start, end), "expand": ["data.latest_charge"]}
    return page_of(client().v1.payment_intents.list, params, after, read_intent)


def expire_session(session_id: str) -> CheckoutSession:
    return read_session(call(lambda: client().v1.checkout.sessions.expire(session_id)))


def create_refund(request: RefundRequest) -> ProviderRefund:
    params: Any = {
        "payment_intent": request.payment_intent_id,
        "amount": request.amount_minor,
        "metadata": {"refund_id": request.refund_id},
    }
    if request.reason:
        params["reason"] = request.reason
    options: Any = {"idempotency_key": f"refund-{request.refund_id}"}
    return read_refund(call(lambda: client().v1.refunds.create(params, options)))


def list_refunds(payment_intent_id: str) -> Iterator[ProviderRefund]:
    params = {"payment_intent": payment_intent_id, "limit": LIST_PAGE}
    for data in pages(client().v1.refunds.list, params):
        yield read_refund(data)


def refunds_page(start: datetime.datetime, end: datetime.datetime, after: str) -> ListPage[ProviderRefund]:
    """Return the page with its refunds' balance transactions, for their amounts in the payment's currency."""
    params = {**_created_in(start, end), "expand": ["data.balance_transaction"]}
    return page_of(client().v1.refunds.list, params, after, read_refund)


def disputes_page(start: datetime.datetime, end: datetime.datetime, after: str) -> ListPage[ProviderDispute]:
    return page_of(client().v1.disputes.list, _created_in(start, end), after, read_dispute)


def movements_page(start: datetime.datetime, end: datetime.datetime, after: str) -> ListPage[BalanceMovement]:
    return page_of(
        client().v1.balance_transactions.list, _created_in(start, end), after, read_balance_movement
    )


def invoices_page(start: datetime.datetime, end: datetime.datetime, after: str) -> ListPage[ListedInvoice]:
    params = {**_created_in(start, end), "expand": ["data.payments"]}
    return page_of(client().v1.invoices.list, params, after, read_listed_invoice)


def subscriptions_page(after: str) -> ListPage[ProviderSubscription]:
    return page_of(client().v1.subscriptions.list, {"limit": LIST_PAGE}, after, read_subscription)


def charge_of_payment(payment_intent_id: str) -> Charge | None:
    return retrieve_payment(payment_intent_id).charge


def session_of(event: ProviderEvent) -> CheckoutSession:
    return read_session(event.subject)


def intent_of(event: ProviderEvent) -> PaymentIntent:
    return read_intent(event.subject)


def charge_of(event: ProviderEvent) -> Charge:
    return read_charge(event.subject)


def refund_of(event: ProviderEvent) -> ProviderRefund:
    return read_refund(event.subject)


def dispute_of(event: ProviderEvent) -> ProviderDispute:
    return read_dispute(event.subject)


def customer_of(event: ProviderEvent) -> ProviderCustomer:
    return read_customer(event.subject)


def method_of(event: ProviderEvent) -> ProviderMethod:
    return read_saved_method(event.subject)


def set_up_card_of(event: ProviderEvent) -> SetUpCard:
    return read_set_up_card(event.subject)


def subscription_of(event: ProviderEvent) -> SubscriptionRef:
    return read_subscription_ref(event.subject)


def _created_in(start: datetime.datetime, end: datetime.datetime) -> dict[str, Any]:
    return {"created": {"gte": int(start.timestamp()), "lte": int(end.timestamp())}, "limit": LIST_PAGE}


def _line_items(request: CheckoutRequest) -> list[dict[str, Any]]:
    if request.price_id and not request.tax_behavior:
        return [{"price": request.price_id, "quantity": 1}]
    whole = CheckoutLine(request.package_name, request.product_id, request.price_minor, 1)
    return [_line_item(each, request) for each in request.lines or [whole]]


def _line_item(line: CheckoutLine, request: CheckoutRequest) -> dict[str, Any]:
    price: dict[str, Any] = {"currency": request.currency, "unit_amount": line.unit_minor}
    if request.tax_behavior:  # that of a price at Stripe can't be changed any more
        price["tax_behavior"] = request.tax_behavior
    if line.product_id:
        price["product"] = line.product_id
    else:
        price["product_data"] = {"name": line.name}
    return {"price_data": price, "quantity": line.quantity}
