"""Offer the buttons of the user's and the account's admin pages, and a link to Stripe, each by its own permission."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from billing.admin.customers.customer import Customer
from billing.stripe.dashboard import customer_page

Button = dict[str, Any]


def buttons_of(request: HttpRequest, customer: Customer, stripe_customers: list[str]) -> list[Button]:
    """Return the buttons for unfold's header."""
    rows = [row for row in (customer.account, customer.user) if row is not None]
    links = [_link_to_stripe(stripe_id) for stripe_id in stripe_customers[:1]]
    return [*(button for row in rows for button in _buttons_on(request, row)), *links]


def _buttons_on(request: HttpRequest, row: Model) -> list[Button]:
    """Return the buttons that the row's own page shows to this member of staff."""
    page: Any = admin.site.get_model_admin(type(row))  # unfold has no types
    key = quote(row.pk)
    return [
        {
            "title": action.description,
            "icon": action.icon,
            "variant": action.variant,
            "attrs": action.attrs,
            "dialog": action.dialog,
            "path": reverse(f"admin:{action.action_name}", args=[key]),
        }
        for action in page.get_actions_detail(request, key)
    ]


def _link_to_stripe(stripe_id: str) -> Button:
    return {"title": _("Open in Stripe"), "path": customer_page(stripe_id), "attrs": {"rel": "noreferrer"}}
