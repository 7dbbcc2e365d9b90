"""Set up Stripe's customer portal, and open it for a customer.

The portal has a configuration of ours, found by its metadata: only the dashboard makes an account's default one. Each
process looks for it once, and again when Stripe says that it is gone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import reverse

from billing.provider.errors import PortalNotSetUp, StripeRefused
from billing.stripe.client import LIST_PAGE, call, client, pages
from billing.stripe.customers import naming_a_customer
from billing.stripe.objects.reading import reading, text

METADATA = {"set_up_by": "prepaid-credits"}
# Name and email address aren't among them: they come from here.
FEATURES: Mapping[str, Mapping[str, Any]] = {
    "customer_update": {"enabled": True, "allowed_updates": ["address", "tax_id"]},
    "invoice_history": {"enabled": True},
    "payment_method_update": {"enabled": True},
}
# Of Stripe's refusal where no configuration is named and the account has no default one.
NO_DEFAULT = "default configuration has not been created"


@dataclass(frozen=True)
class PortalConfiguration:
    """A configuration of the portal; ``differs`` says whether it isn't as `set_up_portal` would leave it."""

    id: str
    is_ours: bool
    is_default: bool
    is_active: bool
    differs: bool


@dataclass
class _Known:
    """What this process knows of our configuration; ``id`` is empty until it is found."""

    id: str = ""


_known = _Known()


def set_up_portal() -> tuple[PortalConfiguration, str]:
    """Create our configuration, or update it; return it with what was done. Safe to repeat.

    Raises:
        StripeUnavailable, StripeRefused: no answer, or the key lacks a permission.
    """
    wanted: Any = _wanted()
    found = _first([each for each in list_configurations() if each.is_ours])
    configurations = client().v1.billing_portal.configurations
    if found is None:
        digest = hashlib.sha256(json.dumps(wanted).encode()).hexdigest()
        options: Any = {"idempotency_key": f"portal-{digest}"}
        return _read(call(lambda: configurations.create(wanted, options))), "created"
    if not found.differs:
        return found, "unchanged"
    update: Any = {**wanted, "active": True}
    return _read(call(lambda: configurations.update(found.id, update))), "updated"


def find_configuration() -> PortalConfiguration | None:
    """Return the configuration that the portal opens with: ours, else the account's default; None if there is none.

    Raises:
        StripeUnavailable, StripeRefused: no answer.
    """
    return _first([each for each in list_configurations() if each.is_active])


def list_configurations() -> list[PortalConfiguration]:
    """Return the account's configurations, the newest first. Raises `StripeUnavailable`, `StripeRefused`."""
    listed = pages(client().v1.billing_portal.configurations.list, {"limit": LIST_PAGE})
    return [_read(each) for each in listed]


def open_portal(customer_id: str, return_url: str) -> str:
    """Return the URL of a session of the portal.

    Raises:
        PortalNotSetUp: there is no configuration.
        CustomerNotFound, StripeUnavailable, StripeRefused: no session could be opened.
    """
    try:
        return _open(customer_id, return_url)
    except StripeRefused as error:
        if not _known.id or error.params.get("stripe_param") != "configuration":
            raise
    _known.id = ""
    return _open(customer_id, return_url)


def _open(customer_id: str, return_url: str) -> str:
    if not _known.id:
        found = find_configuration()
        _known.id = found.id if found and found.is_ours else ""
    params: Any = {"customer": customer_id, "return_url": return_url}
    if _known.id:
        params["configuration"] = _known.id
    try:
        with naming_a_customer():
            return str(call(lambda: client().v1.billing_portal.sessions.create(params))["url"])
    except StripeRefused as error:
        if not _known.id and NO_DEFAULT in error.params.get("stripe_message", ""):
            raise PortalNotSetUp("The customer portal isn't set up.", **error.params) from error
        raise


def _first(found: list[PortalConfiguration]) -> PortalConfiguration | None:
    """Return the one to use: ours before the default, an active one before others."""
    usable = [each for each in found if each.is_ours or each.is_default]
    return min(usable, key=lambda each: (not each.is_active, not each.is_ours), default=None)


def _wanted() -> dict[str, Any]:
    return {
        "default_return_url": f"{settings.SITE_URL}{reverse('credits-billing')}",
        "features": FEATURES,
        "metadata": METADATA,
    }


def _read(data: Mapping[str, Any]) -> PortalConfiguration:
    with reading("portal configuration"):
        as_wanted = all(
            _plain(data["features"][name].get(field)) == _plain(value)
            for name, feature in FEATURES.items()
            for field, value in feature.items()
        )
        is_active = bool(data["active"])
        returns = data["default_return_url"] == _wanted()["default_return_url"]
        return PortalConfiguration(
            id=text(data["id"]),
            is_ours=METADATA.items() <= dict(data["metadata"] or {}).items(),
            is_default=bool(data["is_default"]),
            is_active=is_active,
            differs=not (as_wanted and is_active and returns),
        )


def _plain(value: object) -> object:
    """Return a setting's value to compare: a list's order means nothing."""
    return sorted(value) if isinstance(value, list) else value
