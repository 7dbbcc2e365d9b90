"""Show the latest saved cards, also removed ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import pgettext_lazy

from backoffice.display import EMPTY, chip
from backoffice.tables import Table
from billing.admin.customers.customer import Customer
from billing.admin.customers.parts.part import ROWS, Context, Part
from billing.customers.models import SavedMethod
from credits.admin.columns import written
from credits.ledger.models import Account


def _read(request: HttpRequest, customer: Customer) -> Context | None:
    methods = customer.rows(SavedMethod, "customer__account").select_related("customer")
    rows = [_row(method) for method in methods.order_by("-attached_at", "-id")[:ROWS]]
    if not rows:
        return None
    headers = [
        _("Card"),
        _("Expires"),
        _("Status"),
        pgettext_lazy("card", "Saved"),
        pgettext_lazy("card", "Removed"),
    ]
    return {"table": Table(title=_("Saved cards"), headers=headers, rows=rows, empty="")}


def _row(method: SavedMethod) -> Sequence[Any]:
    expiry = f"{method.exp_month:02}/{method.exp_year}" if method.exp_month and method.exp_year else EMPTY
    return method.named, expiry, _status(method), written(method.attached_at), written(method.detached_at)


def _status(method: SavedMethod) -> str:
    if method.detached_at is not None:
        return chip(pgettext_lazy("card", "Removed"))
    if method.has_expired:
        return chip(pgettext_lazy("card", "Expired"), "danger")
    is_default = method.customer.default_method == method.stripe_payment_method_id
    return chip(_("Default"), "success") if is_default else chip(pgettext_lazy("card", "Saved"), "info")


CARDS = Part(Account, _read)
