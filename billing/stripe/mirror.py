"""The only door to dj-stripe: its tables hold a copy of what Stripe holds, for staff to look at.

Our own books never depend on it. An event is taken as word that something changed, and no more: the object
is fetched as it is now and written, so that the order in which events arrive does not matter. dj-stripe's own
event handlers are never run. Some of them do harm here: ``customer.deleted`` sends a DELETE to Stripe,
``product.deleted`` deletes the prices too, and none of them knows ``refund.*``.

dj-stripe fetches what an object refers to while it writes, so a transaction is open during these calls. That
is why nothing here may run inside another transaction, and why it is work for a background job.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.signals import pre_save
from djstripe import models as djstripe

# Our import rule keeps `stripe` itself in its client; this is the same exception, where dj-stripe judges it.
from djstripe._stripe_errors import InvalidRequestError, object_is_absent

from billing.stripe.client import configure_module_client, stripe_errors_as_ours
from core.database.locks import take_turns

Json = Mapping[str, Any]

# What concerns a purchase and what it was bought from. Left out, and only kept in our inbox:
# - customer.deleted: staff would no longer see whose payments these were;
# - invoice.*, customer.subscription.*, payout.*, balance.*, account.*: nothing here is bought by them, and
#   each draws many more objects into the mirror.
MIRRORED_FAMILIES = (
    "product.",
    "price.",
    "checkout.session.",
    "payment_intent.",
    "charge.",  # charge.refund.* and charge.dispute.* as well
    "payment_method.",
    "refund.",
)
MIRRORED_TYPES = frozenset({"customer.created", "customer.updated"})

MODELS: Mapping[str, type[Any]] = {
    "product": djstripe.Product,
    "price": djstripe.Price,
    "checkout.session": djstripe.Session,
    "payment_intent": djstripe.PaymentIntent,
    "charge": djstripe.Charge,
    "payment_method": djstripe.PaymentMethod,
    "customer": djstripe.Customer,
    "refund": djstripe.Refund,
    "dispute": djstripe.Dispute,
}
# By dj-stripe's names. A payment method comes with its charge: Stripe lists them for one customer at a time.
LISTED: Mapping[str, type[Any]] = {
    model.__name__: model for model in MODELS.values() if model is not djstripe.PaymentMethod
}
# dj-stripe has every fetch of these bring along what nothing here reads: legacy sources, tiers, discounts.
djstripe.Customer.expand_fields = []
djstripe.Price.expand_fields = []
djstripe.Session.expand_fields = ["line_items"]
# Two events that share one of these wait for each other: both would create the same rows.
SHARED = ("product", "customer", "payment_intent", "charge", "payment_method")


class SecretInDatabaseError(RuntimeError):
    """Something tried to store an API key in the database."""


@dataclass(frozen=True)
class MirroredPrice:
    """A price as Stripe holds it. ``unit_amount`` is in the currency's smallest unit; None for tiers."""

    id: str
    unit_amount: int | None
    currency: str
    recurring: bool
    active: bool
    lookup_key: str
    metadata: Json
    deleted: bool


@dataclass(frozen=True)
class MirroredProduct:
    """A product as Stripe holds it, with every price it has had, the oldest first."""

    id: str
    name: str
    description: str
    active: bool
    metadata: Json
    deleted: bool
    prices: tuple[MirroredPrice, ...]


def is_mirrored(event_type: str) -> bool:
    """Whether an event of this type is for the mirror at all."""
    return event_type in MIRRORED_TYPES or event_type.startswith(MIRRORED_FAMILIES)


def mirror_event(payload: Json) -> bool:
    """Brings the mirror up to date with what the event is about, and keeps the event.

    Safe to repeat and to run at once: the same event is taken in once, and events about the same objects take
    turns. An object that Stripe no longer knows is marked as deleted, never removed.

    Returns:
        Whether the mirror took the event in: False for a type that is not mirrored, for another account's
        event (Stripe Connect), and for one it has already.

    Raises:
        Exception: whatever kept it from being mirrored, Stripe's silence for one; nothing is written then.
    """
    if not is_mirrored(payload["type"]) or payload.get("account"):
        return False
    with _turn_to_write(_ids_in(payload)):
        if djstripe.Event.objects.filter(id=payload["id"]).exists():
            return False
        _sync_present(payload["data"]["object"])
        djstripe.Event.sync_from_stripe_data(_plain(payload), api_key=settings.STRIPE_SECRET_KEY)
    return True


def list_at_stripe(kind: str) -> Iterator[Json]:
    """Every object of a kind in `LISTED` that Stripe holds now, in Stripe's order, one page in memory at a time.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    configure_module_client()
    with stripe_errors_as_ours():
        # Not dj-stripe's api_list, which asks for what it would expand.
        listed = LISTED[kind].stripe_class.list(api_key=settings.STRIPE_SECRET_KEY, limit=100)
        yield from map(_plain, listed.auto_paging_iter())


def mirror_present(stripe_object: Json) -> None:
    """Mirrors an object as Stripe holds it at this moment, which may be newer than ``stripe_object`` itself.

    Raises:
        StripeUnavailable, StripeRefused: it, or what dj-stripe fetches with it, did not come.
    """
    with stripe_errors_as_ours(), _turn_to_write({stripe_object["id"], *_related_ids(stripe_object)}):
        _sync_present(stripe_object)


def mirror_product(product: Json) -> None:
    """Writes a product that Stripe has just answered with, unless the mirror holds a newer state of it.

    Raises:
        StripeUnavailable, StripeRefused: what dj-stripe fetches with it did not come.
    """
    with stripe_errors_as_ours(), _turn_to_write({product["id"]}):
        held = djstripe.Product.objects.filter(id=product["id"]).first()
        if held is None or held.stripe_data.get("updated", 0) <= product["updated"]:
            _write(djstripe.Product, product)


def mirror_price(price: Json) -> None:
    """Writes a price that Stripe has just answered with. Its product is fetched where the mirror lacks it.

    Raises:
        StripeUnavailable, StripeRefused: the product did not come.
    """
    with stripe_errors_as_ours(), _turn_to_write({price["id"], *_related_ids(price)}):
        _write(djstripe.Price, price)


def mirrored_catalog() -> list[MirroredProduct]:
    """What the mirror holds of Stripe's catalogue in the mode we run in (live or test), in two queries."""
    products = djstripe.Product.objects.filter(livemode=settings.STRIPE_LIVE_MODE).order_by("created", "id")
    prices: dict[str, list[MirroredPrice]] = {}
    for price in djstripe.Price.objects.filter(product__in=products).order_by("created", "id"):
        prices.setdefault(price.product_id, []).append(_mirrored_price(price))
    return [_mirrored_product(product, tuple(prices.get(product.id, ()))) for product in products]


def _mirrored_product(product: Any, prices: tuple[MirroredPrice, ...]) -> MirroredProduct:
    return MirroredProduct(
        id=product.id,
        name=product.name,
        description=product.description,
        active=bool(product.active),
        metadata=product.metadata or {},
        deleted=_is_deleted(product.stripe_data),
        prices=prices,
    )


def _mirrored_price(price: Any) -> MirroredPrice:
    return MirroredPrice(
        id=price.id,
        unit_amount=price.stripe_data["unit_amount"],
        currency=price.currency,
        recurring=price.stripe_data["type"] == "recurring",
        active=price.active,
        lookup_key=price.lookup_key or "",
        metadata=price.metadata or {},
        deleted=_is_deleted(price.stripe_data),
    )


def _sync_present(subject: Json) -> None:
    model = MODELS.get(subject["object"])
    if model is None:
        return
    present = _fetch(model, subject["id"])
    if present is None:
        _mark_deleted(model, subject["id"])
    else:
        _write(model, present)


def _fetch(model: type[Any], stripe_id: str) -> Json | None:
    """The object as Stripe holds it now; None where it is gone."""
    try:
        found = model(id=stripe_id).api_retrieve(api_key=settings.STRIPE_SECRET_KEY)
    except InvalidRequestError as error:
        if object_is_absent(error):
            return None
        raise
    present = _plain(found)
    return None if _is_deleted(present) else present


def _write(model: type[Any], data: Json) -> None:
    if model is djstripe.Refund and not data.get("charge"):
        return  # dj-stripe's table demands a charge; a refund to a customer's balance has none
    model.sync_from_stripe_data(_plain(data), api_key=settings.STRIPE_SECRET_KEY)


def _mark_deleted(model: type[Any], stripe_id: str) -> None:
    for held in model.objects.filter(id=stripe_id):
        held.stripe_data = {**held.stripe_data, "deleted": True}
        if hasattr(held, "active"):
            held.active = False
        held.save()


def _is_deleted(data: Json) -> bool:
    return bool(data.get("deleted", False))


@contextmanager
def _turn_to_write(ids: set[str]) -> Iterator[None]:
    """A transaction of its own, once nobody else mirrors one of ``ids``. Its locks end with it."""
    configure_module_client()
    _owner_account(settings.STRIPE_SECRET_KEY)
    with transaction.atomic(durable=True):
        for name in sorted(ids):
            take_turns(f"mirror:{name}")
        yield


def _ids_in(payload: Json) -> set[str]:
    subject = payload["data"]["object"]
    return {payload["id"], subject["id"], *_related_ids(subject)}


def _related_ids(subject: Json) -> set[str]:
    related = (subject.get(name) for name in SHARED)
    return {value["id"] if isinstance(value, Mapping) else value for value in related if value}


def _plain(data: Any) -> dict[str, Any]:
    """As JSON holds it: stripe-python's own objects and decimals don't fit into a JSON column."""
    if not isinstance(data, Mapping):
        data = json.loads(str(data))
    plain: dict[str, Any] = json.loads(json.dumps(data, default=str))
    return plain


# --- The secret stays out of the database -------------------------------------------------------------------
# dj-stripe keeps the API key in plain text, to know whose account a row belongs to. We run one account, and
# ask Stripe once per process whose key it is.


def _owner_account(api_key: str) -> Any:
    """The account that ``api_key`` belongs to. None for a restricted key, which may not ask."""
    account = _account_of(settings.STRIPE_API_BASE, api_key)
    if account is None:
        return None
    return djstripe.Account.objects.get_or_create(id=account["id"], defaults={"stripe_data": account})[0]


@functools.lru_cache(maxsize=4)
def _account_of(api_base: str, api_key: str) -> Json | None:
    if api_key.startswith("rk_"):
        return None
    return _plain(
        djstripe.Account.stripe_class.retrieve(api_key=api_key, stripe_version=settings.STRIPE_API_VERSION)
    )


def _refuse_to_store(sender: object, **_: object) -> None:
    raise SecretInDatabaseError("An API key belongs in the environment, not in the database.")


def _replace(owner: object, name: str, function: Callable[..., Any]) -> None:
    if not callable(getattr(owner, name, None)):
        raise TypeError(f"dj-stripe no longer has {owner}.{name}: see how it stores API keys now")
    setattr(owner, name, function)


_replace(djstripe.Account, "get_or_retrieve_for_api_key", _owner_account)
pre_save.connect(_refuse_to_store, sender=djstripe.APIKey, dispatch_uid="billing.stripe.mirror")
