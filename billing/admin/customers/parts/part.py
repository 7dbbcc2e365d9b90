"""Define a section of a customer's page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.template.loader import render_to_string

from billing.admin.customers.customer import Customer

# Of each kind, on the page; a link leads to all.
ROWS = 5

Context = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """A section, for whoever may view ``model``. ``read`` returns its template's context, None to leave it out; its
    number of queries must not grow with the rows.
    """

    model: type[Model]
    read: Callable[[HttpRequest, Customer], Context | None]
    template: str = "admin/customers/table.html"


def may_view(request: HttpRequest, model: type[Model]) -> bool:
    """Return whether the model's admin shows its rows to this member of staff."""
    if not admin.site.is_registered(model):
        return request.user.has_perm(f"{model._meta.app_label}.view_{model._meta.model_name}")
    return bool(admin.site.get_model_admin(model).has_view_permission(request))


def render_parts(request: HttpRequest, customer: Customer, parts: list[Part]) -> list[str]:
    """Render the parts that the member of staff may view. Templates get the ``customer`` too."""
    read = ((part, part.read(request, customer)) for part in parts if may_view(request, part.model))
    return [
        render_to_string(part.template, {**context, "customer": customer}, request)
        for part, context in read
        if context is not None
    ]
