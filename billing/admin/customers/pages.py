"""Serve the search and the pages of customers."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.errors import UserErased
from accounts.models import User
from accounts.notes.errors import InvalidNote
from accounts.notes.writing import write_note
from backoffice.tables import Table
from billing.admin.customer_links import customer_url, link_to_customer
from billing.admin.customers.actions import buttons_of
from billing.admin.customers.customer import Customer, customer_with
from billing.admin.customers.identity import facts_of, stripe_customers_of
from billing.admin.customers.notes import NoteForm, may_add_note
from billing.admin.customers.parts import PARTS
from billing.admin.customers.parts.part import may_view, render_parts
from billing.admin.customers.parts.timeline import timeline_page
from billing.admin.customers.search import find_customers


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Go to the only customer that the text names, or list them."""
    _require_view(request)
    text = request.GET.get("q", "")
    found = find_customers(text)
    if len(found.customers) == 1:
        return redirect(customer_url(found.customers[0].key))
    table = Table(
        title=_("Customers"),
        headers=[_("Customer"), _("Name"), _("Email"), _("Kind")],
        rows=[_row(customer) for customer in found.customers],
        empty=_("Nobody was found."),
    )
    return _page(request, "search", _("Find a customer"), {"q": text, "table": table, "more": found.more})


@require_safe
def show(request: HttpRequest, key: UUID) -> HttpResponse:
    customer = _customer(request, key)
    stripe_customers = stripe_customers_of(customer)
    context = {
        "customer": customer,
        "facts": facts_of(customer, stripe_customers),
        "sections": render_parts(request, customer, PARTS),
        "actions_detail": buttons_of(request, customer, stripe_customers),
    }
    return _page(request, "customer", _("Customer %s") % customer, context)


@require_safe
def timeline(request: HttpRequest, key: UUID) -> HttpResponse:
    customer = _customer(request, key)
    place = request.GET.get("beyond", "")
    context = {"customer": customer, "page": timeline_page(request, customer, place), "place": place}
    return _page(request, "whole_timeline", _("Customer %s") % customer, context)


@require_POST
def add_note(request: HttpRequest, key: UUID) -> HttpResponse:
    customer = _customer(request, key)
    if not may_add_note(request, customer):
        raise PermissionDenied
    form = NoteForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return redirect(customer_url(key))
    about = cast(User, customer.user or customer.team)
    try:
        write_note(about, cast(User, request.user), form.cleaned_data["text"], form.cleaned_data["key"])
    except (InvalidNote, UserErased) as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("Note added."))
    return redirect(customer_url(key))


def _customer(request: HttpRequest, key: UUID) -> Customer:
    """Return the customer of a page, or raise Http404."""
    _require_view(request)
    customer = customer_with(key)
    if customer is None:
        raise Http404
    return customer


def _require_view(request: HttpRequest) -> None:
    if not may_view(request, User):
        raise PermissionDenied


def _row(customer: Customer) -> tuple[Any, ...]:
    user = customer.user
    kind = _("User") if user else _("Team") if customer.team else _("Account")
    name, email = (user.get_full_name(), user.email) if user else ("", "")
    return link_to_customer(customer.key, customer), name, email, kind


def _page(request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
    whole = {**admin.site.each_context(request), "title": title, **context}
    return TemplateResponse(request, f"admin/customers/{template}.html", whole)
