"""What is asked of Stripe: each call that we make (`billing.stripe.client` makes them).

Nothing here opens a transaction, and nothing here may be called inside one: a call takes as long as the network likes.
Each call that creates something carries an idempotency key made from our own row's id, so a repeat, ours after a crash
or stripe-python's after a lost answer, gives the first result again.
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
# A session with its payment, and how that was paid.
WITH_CHARGE = "payment_intent.latest_charge"


@dataclass(frozen=True)
class CheckoutRequest:
    """What a Checkout Session is opened for. ``bought`` says it to the buyer, beside the button and on an invoice.
    ``price_id`` empty: the amount is sent with the call. ``with_invoice``: Stripe makes out an invoice once it is paid.
    ``package_id`` is the older client's name for the package, if it asked.
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
    """What is given back: ``amount_minor`` of a payment, in its currency's smallest unit."""

    refund_id: str
    payment_intent_id: str
    amount_minor: int
    reason: str


def create_checkout_session(request: CheckoutRequest) -> CheckoutSession:
    """Opens the hosted page for one purchase. The same purchase always gets the same session.

    An address that Stripe refuses keeps nobody from buying: the page asks for another. A key stands for its parameters,
    so the request without it has a key of its own, which a repeat comes to by the same refusal.

    Raises:
        StripeUnavailable, StripeRefused: nothing was opened that its buyer could reach.
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
        # Said in every session: an account's defaults would change what is owed, or in which currency.
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
    """The session as Stripe holds it now, with its payment intent and the newest charge. ``hurried``: for somebody who
    waits for a page and will ask again.

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
    """The invoice of a paid session that was opened with one; None while Stripe hasn't made it.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    v1 = client(hurried=True).v1
    data = call(lambda: v1.checkout.sessions.retrieve(session_id, {"expand": ["invoice"]}))
    return StripeInvoice.from_json(data["invoice"]) if data.get("invoice") else None


def list_sessions(start: datetime.datetime, end: datetime.datetime) -> Iterator[CheckoutSession]:
    """Every session created in the period, newest first, one page of 100 in memory at a time."""
    params = {**_created_in(start, end), "expand": [f"data.{WITH_CHARGE}"]}
    for data in pages(client().v1.checkout.sessions.list, params):
        yield CheckoutSession.from_json(data)


def sessions_page(start: datetime.datetime, end: datetime.datetime, after: str) -> ListPage[CheckoutSession]:
    """A page of the sessions created in the period, from the one after ``after`` on; empty: from the newest on.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    params = {**_created_in(start, end), "expand": [f"data.{WITH_CHARGE}"]}
    return page_of(client().v1.checkout.sessions.list, params, after, CheckoutSession.from_json)


def expire_session(session_id: str) -> CheckoutSession:
    """Closes an open session, so that nobody can pay it any more. Raises `StripeRefused` when it isn't open."""
    return CheckoutSession.from_json(call(lambda: client().v1.checkout.sessions.expire(session_id)))


def create_refund(request: RefundRequest) -> StripeRefund:
    """Gives money back. The same refund of ours always gets the same refund of Stripe's.

    Raises:
        StripeRefused: Stripe won't, and says why (``stripe_code`` in its params). No money moves.
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
    """Every refund of one payment, whoever made it."""
    params = {"payment_intent": payment_intent_id, "limit": LIST_PAGE}
    for data in pages(client().v1.refunds.list, params):
        yield StripeRefund.from_json(data)


def refunds_page(start: datetime.datetime, end: datetime.datetime, after: str) -> ListPage[StripeRefund]:
    """As `sessions_page`, of the refunds created in the period, with what they moved in the seller's balance."""
    params = {**_created_in(start, end), "expand": ["data.balance_transaction"]}
    return page_of(client().v1.refunds.list, params, after, StripeRefund.from_json)


def disputes_page(start: datetime.datetime, end: datetime.datetime, after: str) -> ListPage[StripeDispute]:
    """As `sessions_page`, of the disputes opened in the period."""
    return page_of(client().v1.disputes.list, _created_in(start, end), after, StripeDispute.from_json)


def charge_of_payment(payment_intent_id: str) -> StripeCharge | None:
    """The newest charge of a payment, which tells how was paid; None while there is none.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    data = call(
        lambda: client().v1.payment_intents.retrieve(payment_intent_id, {"expand": ["latest_charge"]})
    )
    return PaymentIntent.from_json(data).charge


def list_products() -> Iterator[StripeProduct]:
    """Every product, archived ones too."""
    for data in pages(client().v1.products.list, {"limit": LIST_PAGE}):
        yield StripeProduct.from_json(data)


def list_prices() -> Iterator[StripePrice]:
    """Every one-time price, archived ones too."""
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
    """Makes this price the one that the product costs where nothing else is said. The former one can then go."""
    params: Any = {"default_price": price_id}
    return StripeProduct.from_json(call(lambda: client().v1.products.update(product_id, params)))


def create_price(*, product_id: str, minor: int, currency: str, lookup_key: str, key: str) -> StripePrice:
    """A new one-time price. It takes the lookup key over from the price that had it."""
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
    """Moves the lookup key to this price, from whichever price has it."""
    params: Any = {"lookup_key": lookup_key, "transfer_lookup_key": True}
    return StripePrice.from_json(call(lambda: client().v1.prices.update(price_id, params)))


def archive_price(price_id: str) -> StripePrice:
    """Nobody can buy at this price any more. It can't be deleted: old sessions refer to it."""
    return StripePrice.from_json(call(lambda: client().v1.prices.update(price_id, {"active": False})))


def account_id() -> str:
    """The id of the account that the key is of.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    return str(call(client().v1.accounts.retrieve_current)["id"])


def ask(operation: Callable[[Any], Any]) -> Mapping[str, Any]:
    """The answer to a call of stripe's client (``client.v1``), for what needs no function of its own here.

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
