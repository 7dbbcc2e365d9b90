"""Copy Stripe's objects to dj-stripe's tables for staff to read; our own records never depend on them.

An event only says that something changed: the object is fetched in its current state, so that the order of events
doesn't matter. dj-stripe's own event handlers never run: ``customer.deleted`` sends a DELETE to Stripe,
``product.deleted`` deletes the prices too, and none handles ``refund.*``. dj-stripe fetches related objects while it
writes, with a transaction open: run this in background jobs, never inside another transaction.
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

# The import rule keeps `stripe` in its client; dj-stripe raises this same exception.
from djstripe._stripe_errors import InvalidRequestError, object_is_absent

from billing.stripe.client import configure_module_client, stripe_errors_as_ours
from billing.stripe.objects.catalog import StripePrice
from core.database.locks import take_turns

Json = Mapping[str, Any]

# Events about purchases and packages. Only kept in our inbox, not mirrored:
# - customer.deleted: staff would no longer see whose payments these were;
# - invoice.*, customer.subscription.*, payout.*, balance.*, account.*: unused here, and each adds many more objects.
MIRRORED_FAMILIES = (
    "product.",
    "price.",
    "checkout.session.",
    "payment_intent.",
    "charge.",  # includes charge.refund.* and charge.dispute.*
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
# By dj-stripe's names. A payment method comes with its charge: Stripe lists them per customer only.
LISTED: Mapping[str, type[Any]] = {
    model.__name__: model for model in MODELS.values() if model is not djstripe.PaymentMethod
}
# By default, dj-stripe fetches these with data unused here: legacy sources, tiers, discounts.
djstripe.Customer.expand_fields = []
djstripe.Price.expand_fields = []
djstripe.Session.expand_fields = ["line_items"]
# Events that share one of these wait for each other: both would create the same rows.
SHARED = ("product", "customer", "payment_intent", "charge", "payment_method")


class SecretInDatabaseError(RuntimeError):
    """An attempt to store an API key in the database."""


@dataclass(frozen=True)
class MirroredPrice:
    """A price at Stripe; ``unit_amount`` is in the currency's minor units, None for tiers; ``interval`` is empty for
    a one-time one.
    """

    id: str
    unit_amount: int | None
    currency: str
    interval: str
    active: bool
    lookup_key: str
    metadata: Json
    deleted: bool


@dataclass(frozen=True)
class MirroredProduct:
    """A product at Stripe, with every price it has had, the oldest first."""

    id: str
    name: str
    description: str
    active: bool
    metadata: Json
    deleted: bool
    prices: tuple[MirroredPrice, ...]


def is_mirrored(event_type: str) -> bool:
    """Return whether events of this type are mirrored."""
    return event_type in MIRRORED_TYPES or event_type.startswith(MIRRORED_FAMILIES)


def mirror_event(payload: Json) -> bool:
    """Mirror an event and the current state of its object, which is marked as deleted if Stripe no longer has it.

    Safe to repeat and to run concurrently: an event is mirrored once, and events about the same objects take turns.

    Returns:
        False for a type that isn't mirrored, another account's event (Stripe Connect) or a repeated event; else True.

    Raises:
        Exception: any cause that prevented it, such as no answer from Stripe; nothing is written then.
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
    """Yield every object of a kind in `LISTED` at Stripe, in Stripe's order, one page in memory at a time.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    configure_module_client()
    with stripe_errors_as_ours():
        # Not dj-stripe's api_list, which expands related objects.
        listed = LISTED[kind].stripe_class.list(api_key=settings.STRIPE_SECRET_KEY, limit=100)
        yield from map(_plain, listed.auto_paging_iter())


def mirror_present(stripe_object: Json) -> None:
    """Mirror an object's current state, which may be newer than ``stripe_object``.

    Raises:
        StripeUnavailable, StripeRefused: it, or what dj-stripe fetches with it, did not come.
    """
    with stripe_errors_as_ours(), _turn_to_write({stripe_object["id"], *_related_ids(stripe_object)}):
        _sync_present(stripe_object)


def mirror_product(product: Json) -> None:
    """Write a product that Stripe just returned, unless the mirror has a newer state.

    Raises:
        StripeUnavailable, StripeRefused: what dj-stripe fetches with it did not come.
    """
    with stripe_errors_as_ours(), _turn_to_write({product["id"]}):
        held = djstripe.Product.objects.filter(id=product["id"]).first()
        if held is None or held.stripe_data.get("updated", 0) <= product["updated"]:
            _write(djstripe.Product, product)


def mirror_price(price: Json) -> None:
    """Write a price that Stripe just returned, fetching its product if the mirror lacks it.

    Raises:
        StripeUnavailable, StripeRefused: the product did not come.
    """
    with stripe_errors_as_ours(), _turn_to_write({price["id"], *_related_ids(price)}):
        _write(djstripe.Price, price)


def mirrored_catalog() -> list[MirroredProduct]:
    """Return the mirror's catalogue of our mode (live or test), with two queries."""
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
        interval=StripePrice.from_json(price.stripe_data).interval,
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
    """Return the object's current state at Stripe; None if it is gone."""
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
        return  # dj-stripe requires a charge; a refund to a customer's balance has none
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
    """Open a transaction of its own, in which no one else mirrors any of ``ids``; its locks end with it."""
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
    """Return plain JSON data: stripe-python's objects and decimals don't fit a JSON column."""
    if not isinstance(data, Mapping):
        data = json.loads(str(data))
    plain: dict[str, Any] = json.loads(json.dumps(data, default=str))
    return plain


# --- The secret stays out of the database -------------------------------------------------------------------
# dj-stripe stores the API key in plain text, to know a row's account. We have one account, and ask for it once per
# process.


def _owner_account(api_key: str) -> Any:
    """Return the account of ``api_key``; None for a restricted key, which may not ask."""
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
