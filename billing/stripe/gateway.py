"""Make all requests to Stripe, through `billing.stripe.client`; never inside a transaction, as they may take long.

Each call that creates something has an idempotency key made from our row's id, so a retry, ours after a crash or
stripe-python's after a lost response, returns the first result.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from billing.errors import EmailRefused, SessionNotFound, StripeRefused
from billing.stripe.client import ListPage, call, client, page_of, pages
from billing.stripe.objects import (
    CheckoutSession,
    PaymentIntent,
    StripeCharge,
    StripeDispute,
    StripeInvoice,
    StripePrice,
    StripeProduct,
    StripeRefund,
)

log = structlog.get_logger(__name__)

LIST_PAGE = 100
# Expands a session's payment with its latest charge, which has the payment method.
WITH_CHARGE = "payment_intent.latest_charge"


@dataclass(frozen=True)
class CheckoutRequest:
    """The details of a Checkout Session to open. ``bought`` is shown beside the button and on an invoice. An empty
    ``price_id`` sends the amount with the call; ``with_invoice`` has Stripe issue an invoice once paid;
    ``package_id`` is set if the older client asked by it.
    """

    purchase_id: str
    user_id: str
    package_code: str
    package_id: str
    package_name: str
    credits: str
    bought: str
    price_id: str
    product_id: str
    price_minor: int
    currency: str
    email: str
    success_url: str
    cancel_url: str
    expires_at: datetime.datetime
    with_invoice: bool


@dataclass(frozen=True)
class RefundRequest:
    """A refund to make; ``amount_minor`` is in the payment currency's minor units."""

    refund_id: str
    payment_intent_id: str
    amount_minor: int
    reason: str


def create_checkout_session(request: CheckoutRequest) -> CheckoutSession:
    """Open the hosted page for a purchase; the same purchase always gets the same session.

    If Stripe refuses the email address, the session is opened without it and the page asks for one. An idempotency
    key is bound to its parameters, so that request has a key of its own, which a retry reaches by the same refusal.

    Raises:
        StripeUnavailable, StripeRefused: nothing was opened that the buyer could reach.
    """
    key = f"purchase-{request.purchase_id}"
    try:
        return _create_session(request, key)
    except EmailRefused:
        log.warning("checkout_email_refused", purchase=request.purchase_id, user=request.user_id)
        return _create_session(replace(request, email=""), f"{key}-without-email")


def _create_session(request: CheckoutRequest, key: str) -> CheckoutSession:
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
        "line_items": [_line_item(request)],
        "client_reference_id": request.purchase_id,
        "metadata": metadata,
        # Stripe does not copy a session's metadata to its payment intent.
        "payment_intent_data": {"metadata": metadata, "description": request.package_name},
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "expires_at": int(request.expires_at.timestamp()),
        "custom_text": {"submit": {"message": request.bought}},
        # Set explicitly: an account's defaults would change the amount due or its currency.
        "automatic_tax": {"enabled": False},
        "adaptive_pricing": {"enabled": False},
        "allow_promotion_codes": False,
    }
    if request.email:
        params["customer_email"] = request.email
    if request.with_invoice:
        params["invoice_creation"] = {"enabled": True, "invoice_data": {"description": request.bought}}
    options: Any = {"idempotency_key": key}
    return CheckoutSession.from_json(call(lambda: client().v1.checkout.sessions.create(params, options)))


def retrieve_session(session_id: str, *, hurried: bool = False) -> CheckoutSession:
    """Return the session's current state, with its payment intent and latest charge; ``hurried`` for a waiting user.

    Raises:
        SessionNotFound: Stripe knows no such session.
        StripeUnavailable: no answer.
    """
    try:
        v1 = client(hurried).v1
        data = call(lambda: v1.checkout.sessions.retrieve(session_id, {"expand": [WITH_CHARGE]}))
    except StripeRefused as error:
        if error.params.get("stripe_code") == "resource_missing":
            raise SessionNotFound("Stripe knows no such session.", session=session_id) from error
        raise
    return CheckoutSession.from_json(data)


def invoice_of_session(session_id: str) -> StripeInvoice | None:
    """Return the invoice of a paid session opened with one; None until Stripe creates it.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    v1 = client(hurried=True).v1
    data = call(lambda: v1.checkout.sessions.retrieve(session_id, {"expand": ["invoice"]}))
    return StripeInvoice.from_json(data["invoice"]) if data.get("invoice") else None


def list_sessions(start: datetime.datetime, end: datetime.datetime) -> Iterator[CheckoutSession]:
    """Yield every session created in the period, newest first, fetching pages of 100."""
    params = {**_created_in(start, end), "expand": [f"data.{WITH_CHARGE}"]}
    for data in pages(client().v1.checkout.sessions.list, params):
        yield CheckoutSession.from_json(data)


def sessions_page(start: datetime.datetime, end: datetime.datetime, after: str) -> ListPage[CheckoutSession]:
    """Return the page of sessions created in the period that follows ``after``; if empty, the first page.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    params = {**_created_in(start, end), "expand": [f"data.{WITH_CHARGE}"]}
    return page_of(client().v1.checkout.sessions.list, params, after, CheckoutSession.from_json)


def expire_session(session_id: str) -> CheckoutSession:
    """Expire an open session, so that it can't be paid. Raises `StripeRefused` if it isn't open."""
    return CheckoutSession.from_json(call(lambda: client().v1.checkout.sessions.expire(session_id)))


def create_refund(request: RefundRequest) -> StripeRefund:
    """Create a refund; the same refund here always gets the same one at Stripe.

    Raises:
        StripeRefused: Stripe refuses, with the reason (``stripe_code`` in its params). No money moves.
        StripeUnavailable: no answer; it may have happened, and asking again tells.
    """
    params: Any = {
        "payment_intent": request.payment_intent_id,
        "amount": request.amount_minor,
        "metadata": {"refund_id": request.refund_id},
    }
    if request.reason:
        params["reason"] = request.reason
    options: Any = {"idempotency_key": f"refund-{request.refund_id}"}
    return StripeRefund.from_json(call(lambda: client().v1.refunds.create(params, options)))


def list_refunds(payment_intent_id: str) -> Iterator[StripeRefund]:
    """Yield every refund of a payment, whoever made it."""
    params = {"payment_intent": payment_intent_id, "limit": LIST_PAGE}
    for data in pages(client().v1.refunds.list, params):
        yield StripeRefund.from_json(data)


def refunds_page(start: datetime.datetime, end: datetime.datetime, after: str) -> ListPage[StripeRefund]:
    """Return a page of the refunds created in the period, with their balance transactions, as `sessions_page`."""
    params = {**_created_in(start, end), "expand": ["data.balance_transaction"]}
    return page_of(client().v1.refunds.list, params, after, StripeRefund.from_json)


def disputes_page(start: datetime.datetime, end: datetime.datetime, after: str) -> ListPage[StripeDispute]:
    """Return a page of the disputes opened in the period, as `sessions_page`."""
    return page_of(client().v1.disputes.list, _created_in(start, end), after, StripeDispute.from_json)


def charge_of_payment(payment_intent_id: str) -> StripeCharge | None:
    """Return a payment's latest charge, which has the payment method; None if there is none.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    data = call(
        lambda: client().v1.payment_intents.retrieve(payment_intent_id, {"expand": ["latest_charge"]})
    )
    return PaymentIntent.from_json(data).charge


def list_products() -> Iterator[StripeProduct]:
    """Yield every product, archived ones included."""
    for data in pages(client().v1.products.list, {"limit": LIST_PAGE}):
        yield StripeProduct.from_json(data)


def list_prices() -> Iterator[StripePrice]:
    """Yield every one-time price, archived ones included."""
    for data in pages(client().v1.prices.list, {"limit": LIST_PAGE, "type": "one_time"}):
        yield StripePrice.from_json(data)


def create_product(*, code: str, name: str, description: str, key: str) -> StripeProduct:
    params: Any = {"name": name, "metadata": {"package_code": code}}
    if description:
        params["description"] = description
    options: Any = {"idempotency_key": key}
    return StripeProduct.from_json(call(lambda: client().v1.products.create(params, options)))


def update_product(product_id: str, *, code: str, name: str, description: str, active: bool) -> StripeProduct:
    params: Any = {
        "name": name, "description": description, "active": active, "metadata": {"package_code": code}
    }  # fmt: skip
    return StripeProduct.from_json(call(lambda: client().v1.products.update(product_id, params)))


def set_default_price(product_id: str, price_id: str) -> StripeProduct:
    """Make this the product's default price, so that the former one can be archived."""
    params: Any = {"default_price": price_id}
    return StripeProduct.from_json(call(lambda: client().v1.products.update(product_id, params)))


def create_price(*, product_id: str, minor: int, currency: str, lookup_key: str, key: str) -> StripePrice:
    """Create a one-time price, which takes the lookup key from the price that had it."""
    params: Any = {
        "product": product_id,
        "unit_amount": minor,
        "currency": currency,
        "lookup_key": lookup_key,
        "transfer_lookup_key": True,
    }
    options: Any = {"idempotency_key": key}
    return StripePrice.from_json(call(lambda: client().v1.prices.create(params, options)))


def take_lookup_key(price_id: str, lookup_key: str) -> StripePrice:
    """Move the lookup key to this price from the one that has it."""
    params: Any = {"lookup_key": lookup_key, "transfer_lookup_key": True}
    return StripePrice.from_json(call(lambda: client().v1.prices.update(price_id, params)))


def archive_price(price_id: str) -> StripePrice:
    """Archive a price, so that nothing is sold at it. It can't be deleted: old sessions refer to it."""
    return StripePrice.from_json(call(lambda: client().v1.prices.update(price_id, {"active": False})))


def account_id() -> str:
    """Return the id of the key's account.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    return str(call(client().v1.accounts.retrieve_current)["id"])


def ask(operation: Callable[[Any], Any]) -> Mapping[str, Any]:
    """Return the response to a call of stripe's client (``client.v1``) that has no function here.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    return call(lambda: operation(client().v1))


def _created_in(start: datetime.datetime, end: datetime.datetime) -> dict[str, Any]:
    return {"created": {"gte": int(start.timestamp()), "lte": int(end.timestamp())}, "limit": LIST_PAGE}


def _line_item(request: CheckoutRequest) -> dict[str, Any]:
    if request.price_id:
        return {"price": request.price_id, "quantity": 1}
    price: dict[str, Any] = {"currency": request.currency, "unit_amount": request.price_minor}
    if request.product_id:
        price["product"] = request.product_id
    else:
        price["product_data"] = {"name": request.package_name}
    return {"price_data": price, "quantity": 1}
