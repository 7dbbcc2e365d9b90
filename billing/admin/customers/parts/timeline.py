"""Show the newest of what happened; a page of its own shows the rest."""

from __future__ import annotations

from django.http import HttpRequest

from accounts.models import User
from billing.admin.customers.customer import Customer
from billing.admin.customers.parts.part import Context, Part, may_view
from billing.admin.customers.timeline import SOURCES
from billing.admin.customers.timeline.merging import Page, page_of, read_place

ROWS = 15
ROWS_OF_PAGE = 50


def timeline_page(
    request: HttpRequest, customer: Customer, place: str = "", size: int = ROWS_OF_PAGE
) -> Page:
    """Return the page that starts after a place, of what the member of staff may view."""
    shown = [source for source in SOURCES if may_view(request, source.viewed_as or source.model)]
    return page_of(customer, SOURCES, shown, read_place(SOURCES, place), size)


def _read(request: HttpRequest, customer: Customer) -> Context:
    return {"page": timeline_page(request, customer, size=ROWS)}


TIMELINE = Part(User, _read, "admin/customers/timeline.html")
