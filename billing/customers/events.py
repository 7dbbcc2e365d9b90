"""Apply events about customers and their payment methods."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from billing.customers.at_stripe import forget_customer
from billing.customers.consents import name_card
from billing.customers.methods import detach, keep_method, note_default
from billing.provider import provider
from billing.provider.objects import EventKind, ProviderEvent


def _customer_changed(event: ProviderEvent) -> bool:
    customer = provider().customer_of(event)
    return note_default(customer.id, customer.default_method, event.created)


def _customer_deleted(event: ProviderEvent) -> bool:
    return forget_customer(provider().customer_of(event).id)


def _method_reported(event: ProviderEvent) -> bool:
    return keep_method(provider().method_of(event), event.created)


def _method_detached(event: ProviderEvent) -> bool:
    return detach(provider().method_of(event).id, event.created)


def _card_set_up(event: ProviderEvent) -> bool:
    return name_card(provider().set_up_card_of(event))


# Each returns whether the event is about a customer of ours.
CUSTOMER_HANDLERS: Mapping[EventKind | None, Callable[[ProviderEvent], bool]] = {
    EventKind.CUSTOMER: _customer_changed,
    EventKind.CUSTOMER_DELETED: _customer_deleted,
    EventKind.METHOD: _method_reported,
    EventKind.METHOD_DETACHED: _method_detached,
    EventKind.CARD_SET_UP: _card_set_up,
}
