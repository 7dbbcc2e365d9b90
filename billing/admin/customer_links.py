"""Link to customers' pages from wherever a buyer is shown."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from backoffice.columns import Column, column

CUSTOMER_PAGE = _("Customer page")


def customer_url(key: UUID) -> str:
    """Return the URL of a customer's page; ``key`` is the id of the user, the team or the account."""
    return reverse("customer", args=[key])


def link_to_customer(key: UUID, label: Any = CUSTOMER_PAGE) -> str:
    return format_html('<a class="admin-link" href="{}">{}</a>', customer_url(key), label)


def customer_column(path: str) -> Column:
    """Return a column that links to the page of the customer whose account has the id at ``path``."""
    return column(_("customer"), path, link_to_customer)
