"""The only door to Stripe: each call that we make, and the check that a webhook is really Stripe's.

Nothing here opens a transaction, and nothing here may be called inside one: a call takes as long as the network likes.
Each call that creates something carries an idempotency key made from our own row's id, so a repeat, ours after a crash
or stripe-python's after a lost answer, gives the first result again.
"""

from __future__ import annotations

import datetime
import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import stripe
import structlog
from django.conf import settings

from billing.errors import (
    EmailRefused,
    MalformedStripeObject,
    SessionNotFound,
    StripeRefused,
    StripeUnavailable,
    UnreadableEvent,
    WebhookRefused,
)
from billing.stripe_objects import (
    CheckoutSession,
    PaymentIntent,
    StripeCharge,
    StripeDispute,
    StripeEvent,
    StripeInvoice,
    StripePrice,
    StripeProduct,
    StripeRefund,
)
from billing.stripe_objects.reading import storable
from billing.stripe_objects.storing import digest
from billing.stripe_places import place
from config.json_depth import check_depth

log = structlog.get_logger(__name__)

SIGNATURE_TOLERANCE_SECONDS = 300
LIST_PAGE = 100
# Of a body that is no event.
LONGEST_KEPT = 100_000

LONGEST_MESSAGE = 500
ADDRESS = re.compile(r"[^\s@'\"<>]+@[^\s@'\"<>]+")
STARS = re.compile(r"\*{5,}")
PERMISSION = re.compile(r"rak_\w+")

# A session with its payment, and how that was paid.
WITH_CHARGE = "payment_intent.latest_charge"

T = TypeVar("T")


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


@dataclass(frozen=True)
class ListPage(Generic[T]):
    """A page of a list, newest first. ``last_id``, where there is more: what to ask for the next one with. What of it
    can't be read stands in ``unreadable``, by Stripe's id, with the reason.
    """

    items: list[T]
    last_id: str
    unreadable: dict[str, str] = field(default_factory=dict)


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
    return CheckoutSession.from_json(_call(lambda: _client().v1.checkout.sessions.create(params, options)))


def retrieve_session(session_id: str, *, hurried: bool = False) -> CheckoutSession:
    """The session as Stripe holds it now, with its payment intent and the newest charge. ``hurried``: for somebody who
    waits for a page and will ask again.

    Raises:
        SessionNotFound: Stripe knows no such session.
        StripeUnavailable: no answer.
    """
    try:
        client = _client(hurried)
        data = _call(lambda: client.v1.checkout.sessions.retrieve(session_id, {"expand": [WITH_CHARGE]}))
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
    client = _client(hurried=True)
    data = _call(lambda: client.v1.checkout.sessions.retrieve(session_id, {"expand": ["invoice"]}))
    return StripeInvoice.from_json(data["invoice"]) if data.get("invoice") else None


def list_sessions(start: datetime.datetime, end: datetime.datetime) -> Iterator[CheckoutSession]:
    """Every session created in the period, newest first, one page of 100 in memory at a time."""
    params = {**_created_in(start, end), "expand": [f"data.{WITH_CHARGE}"]}
    for data in _pages(_client().v1.checkout.sessions.list, params):
        yield CheckoutSession.from_json(data)


def sessions_page(start: datetime.datetime, end: datetime.datetime, after: str) -> ListPage[CheckoutSession]:
    """A page of the sessions created in the period, from the one after ``after`` on; empty: from the newest on.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    params = {**_created_in(start, end), "expand": [f"data.{WITH_CHARGE}"]}
    return _page(_client().v1.checkout.sessions.list, params, after, CheckoutSession.from_json)


def expire_session(session_id: str) -> CheckoutSession:
    """Closes an open session, so that nobody can pay it any more. Raises `StripeRefused` when it isn't open."""
    return CheckoutSession.from_json(_call(lambda: _client().v1.checkout.sessions.expire(session_id)))


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
    return StripeRefund.from_json(_call(lambda: _client().v1.refunds.create(params, options)))


def list_refunds(payment_intent_id: str) -> Iterator[StripeRefund]:
    """Every refund of one payment, whoever made it."""
    params = {"payment_intent": payment_intent_id, "limit": LIST_PAGE}
    for data in _pages(_client().v1.refunds.list, params):
        yield StripeRefund.from_json(data)


def refunds_page(start: datetime.datetime, end: datetime.datetime, after: str) -> ListPage[StripeRefund]:
    """As `sessions_page`, of the refunds created in the period, with what they moved in the seller's balance."""
    params = {**_created_in(start, end), "expand": ["data.balance_transaction"]}
    return _page(_client().v1.refunds.list, params, after, StripeRefund.from_json)


def disputes_page(start: datetime.datetime, end: datetime.datetime, after: str) -> ListPage[StripeDispute]:
    """As `sessions_page`, of the disputes opened in the period."""
    return _page(_client().v1.disputes.list, _created_in(start, end), after, StripeDispute.from_json)


def charge_of_payment(payment_intent_id: str) -> StripeCharge | None:
    """The newest charge of a payment, which tells how was paid; None while there is none.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    data = _call(
        lambda: _client().v1.payment_intents.retrieve(payment_intent_id, {"expand": ["latest_charge"]})
    )
    return PaymentIntent.from_json(data).charge


def list_products() -> Iterator[StripeProduct]:
    """Every product, archived ones too."""
    for data in _pages(_client().v1.products.list, {"limit": LIST_PAGE}):
        yield StripeProduct.from_json(data)


def list_prices() -> Iterator[StripePrice]:
    """Every one-time price, archived ones too."""
    for data in _pages(_client().v1.prices.list, {"limit": LIST_PAGE, "type": "one_time"}):
        yield StripePrice.from_json(data)


def create_product(*, code: str, name: str, description: str, key: str) -> StripeProduct:
    params: Any = {"name": name, "metadata": {"package_code": code}}
    if description:
        params["description"] = description
    options: Any = {"idempotency_key": key}
    return StripeProduct.from_json(_call(lambda: _client().v1.products.create(params, options)))


def update_product(product_id: str, *, code: str, name: str, description: str, active: bool) -> StripeProduct:
    params: Any = {
        "name": name, "description": description, "active": active, "metadata": {"package_code": code}
    }  # fmt: skip
    return StripeProduct.from_json(_call(lambda: _client().v1.products.update(product_id, params)))


def set_default_price(product_id: str, price_id: str) -> StripeProduct:
    """Makes this price the one that the product costs where nothing else is said. The former one can then go."""
    params: Any = {"default_price": price_id}
    return StripeProduct.from_json(_call(lambda: _client().v1.products.update(product_id, params)))


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
    return StripePrice.from_json(_call(lambda: _client().v1.prices.create(params, options)))


def take_lookup_key(price_id: str, lookup_key: str) -> StripePrice:
    """Moves the lookup key to this price, from whichever price has it."""
    params: Any = {"lookup_key": lookup_key, "transfer_lookup_key": True}
    return StripePrice.from_json(_call(lambda: _client().v1.prices.update(price_id, params)))


def archive_price(price_id: str) -> StripePrice:
    """Nobody can buy at this price any more. It can't be deleted: old sessions refer to it."""
    return StripePrice.from_json(_call(lambda: _client().v1.prices.update(price_id, {"active": False})))


def verify_event(payload: bytes, signature: str) -> StripeEvent:
    """The event in ``payload``, once its signature is proven with one of the configured secrets.

    Several secrets are accepted so that one can be rotated. The signature's time may be five minutes old at most
    (https://docs.stripe.com/webhooks#replay-attacks).

    Raises:
        WebhookRefused: no signature, a wrong or a stale one.
        UnreadableEvent: it is signed, and no event: sending it again would not help.
    """
    if not any(_is_signed(payload, signature, secret) for secret in settings.STRIPE_WEBHOOK_SECRETS):
        log.warning("webhook_refused", check=_failed_check(payload, signature))
        raise WebhookRefused("The signature is missing, too old, or not made with this endpoint's secret.")
    try:
        check_depth(payload)
        data = json.loads(payload)
    except ValueError as error:
        raise _unreadable(payload, "The body is not JSON.") from error
    if not isinstance(data, dict) or data.get("object") != "event":
        raise _unreadable(payload, "The body is not a Stripe event.")
    try:
        return StripeEvent.from_json(data)
    except MalformedStripeObject as error:
        raise _unreadable(payload, error.message) from error


def account_id() -> str:
    """The id of the account that the key is of.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    return str(_call(_client().v1.accounts.retrieve_current)["id"])


def ask(operation: Callable[[Any], Any]) -> Mapping[str, Any]:
    """The answer to a call of stripe's client (``client.v1``), for what needs no function of its own here.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    return _call(lambda: operation(_client().v1))


def missing_permission(operation: Callable[[Any], Any]) -> str:
    """What Stripe says that the key lacks for a call, such as ``rak_charge_write``; empty where it may. A call that
    names nothing that exists tells it for writing, and changes nothing.

    Raises:
        StripeUnavailable, StripeRefused: no answer, or no good key.
    """
    with stripe_errors_as_ours():
        try:
            operation(_client().v1)
        except stripe.PermissionError as error:
            said = error.user_message or ""
            named = PERMISSION.search(said)
            return named[0] if named else said
        except stripe.InvalidRequestError:
            return ""  # it got past the door
    return ""


def configure_module_client() -> None:
    """Points stripe's module-level client, which dj-stripe uses, to where our own client goes."""
    stripe.api_key = settings.STRIPE_SECRET_KEY
    stripe.api_base = settings.STRIPE_API_BASE
    stripe.api_version = settings.STRIPE_API_VERSION
    stripe.max_network_retries = settings.STRIPE_MAX_NETWORK_RETRIES
    stripe.default_http_client = _http_client(settings.STRIPE_TIMEOUT_SECONDS)


def _client(hurried: bool = False) -> stripe.StripeClient:
    return _client_for(
        settings.STRIPE_SECRET_KEY,
        settings.STRIPE_API_BASE,
        settings.STRIPE_API_VERSION,
        0 if hurried else settings.STRIPE_MAX_NETWORK_RETRIES,
        settings.STRIPE_LOOK_TIMEOUT_SECONDS if hurried else settings.STRIPE_TIMEOUT_SECONDS,
    )


@functools.lru_cache(maxsize=4)
def _client_for(key: str, base: str, version: str, retries: int, timeout: float) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": base},
        stripe_version=version,
        max_network_retries=retries,
        http_client=_http_client(timeout),
    )


@functools.lru_cache(maxsize=4)
def _http_client(timeout: float) -> stripe.RequestsClient:
    return stripe.RequestsClient(timeout=timeout)


def _call(operation: Callable[[], stripe.StripeObject]) -> Mapping[str, Any]:
    with place(), stripe_errors_as_ours():
        data: Mapping[str, Any] = operation().to_dict()
    return data


@contextmanager
def stripe_errors_as_ours() -> Iterator[None]:
    """Turns Stripe's exceptions into `StripeUnavailable` and `StripeRefused`.

    What Stripe said goes to the log and to staff; secrets and people's addresses don't.
    """
    try:
        yield
    except (stripe.APIConnectionError, stripe.RateLimitError) as error:
        raise _unavailable(error) from error
    except stripe.StripeError as error:
        if (error.http_status or 500) >= 500 or error.http_status == 409:
            raise _unavailable(error) from error
        raise _refused(error) from error


def _unavailable(error: stripe.StripeError) -> StripeUnavailable:
    log.warning("stripe_unavailable", status=error.http_status, code=error.code, request_id=error.request_id)
    return StripeUnavailable("Stripe can't be reached at the moment. Please try again in a few minutes.")


def _refused(error: stripe.StripeError) -> StripeRefused:
    said: Any = error.error  # stripe-python copies it to the exception for some types only
    details = {
        "stripe_code": getattr(said, "code", None) or error.code or "",
        "stripe_message": _fit_to_be_read(error.user_message or ""),
        "stripe_param": getattr(said, "param", None) or "",
        "request_id": error.request_id or "",
    }
    if details["stripe_code"] == "email_invalid":
        # Not logged: its message is the address. Whoever catches it says whose it is.
        return EmailRefused("Stripe refused the e-mail address.", **details)
    log.error("stripe_refused", status=error.http_status, **details)
    return StripeRefused("Stripe refused the request.", **details)


def _fit_to_be_read(text: str) -> str:
    """Stripe quotes what it refuses: a buyer's address belongs in no log, nor a hundred stars for the rest of a key."""
    return STARS.sub("****", ADDRESS.sub("…@…", text))[:LONGEST_MESSAGE]


def _pages(fetch: Callable[..., Any], params: dict[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Each object of a list, a page at a time (https://docs.stripe.com/api/pagination)."""
    after: dict[str, str] = {}
    while True:
        page = _call(functools.partial(fetch, {**params, **after}))
        yield from page["data"]
        if not page["has_more"]:
            return
        after = {"starting_after": page["data"][-1]["id"]}


def _page(
    fetch: Callable[..., Any], params: dict[str, Any], after: str, read: Callable[[Mapping[str, Any]], T]
) -> ListPage[T]:
    cursor = {"starting_after": after} if after else {}
    page = _call(functools.partial(fetch, {**params, **cursor}))
    last_id = page["data"][-1]["id"] if page["has_more"] else ""
    listed: ListPage[T] = ListPage([], last_id)
    for data in page["data"]:
        try:
            listed.items.append(read(data))
        except MalformedStripeObject as error:
            listed.unreadable[str(data.get("id"))[:255]] = error.message
    return listed


def _created_in(start: datetime.datetime, end: datetime.datetime) -> dict[str, Any]:
    return {"created": {"gte": int(start.timestamp()), "lte": int(end.timestamp())}, "limit": LIST_PAGE}


def _unreadable(payload: bytes, reason: str) -> UnreadableEvent:
    text = storable(payload[:LONGEST_KEPT].decode("utf-8", "replace"))
    return UnreadableEvent(reason, key=f"unreadable_{digest(payload)}", payload={"text": text})


def _failed_check(payload: bytes, signature: str) -> str:
    """Name the first check that none of our secrets lets the signature pass."""
    if not signature:
        return "no_header"
    parts = dict(part.split("=", 1) for part in signature.split(",") if "=" in part)
    if not parts.get("t", "").isdecimal():
        return "no_timestamp"
    if "v1" not in parts:
        return "no_signature"
    secrets = settings.STRIPE_WEBHOOK_SECRETS
    is_genuine = any(_is_signed(payload, signature, secret, tolerance=None) for secret in secrets)
    return "too_old" if is_genuine else "wrong_signature"


def _is_signed(
    payload: bytes, signature: str, secret: str, tolerance: int | None = SIGNATURE_TOLERANCE_SECONDS
) -> bool:
    if not signature.isascii():  # hmac would raise
        return False
    try:
        stripe.WebhookSignature.verify_header(payload.decode(), signature, secret, tolerance=tolerance)
    except (stripe.SignatureVerificationError, UnicodeDecodeError):
        return False
    return True


def _line_item(request: CheckoutRequest) -> dict[str, Any]:
    if request.price_id:
        return {"price": request.price_id, "quantity": 1}
    price: dict[str, Any] = {"currency": request.currency, "unit_amount": request.price_minor}
    if request.product_id:
        price["product"] = request.product_id
    else:
        price["product_data"] = {"name": request.package_name}
    return {"price_data": price, "quantity": 1}
