"""Show the latest plans, with a button to cancel or keep, and what their invoices granted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.contrib.admin.utils import quote
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _

from backoffice.display import EMPTY, chip, link_to, link_to_list
from backoffice.tables import Table
from billing.admin.customers.customer import Customer
from billing.admin.customers.parts.part import ROWS, Context, Part
from billing.admin.customers.parts.payments import open_in_stripe
from billing.admin.recurring.subscriptions import TONES, invoice_state
from billing.stripe.dashboard import invoice_page, subscription_page
from billing.subscriptions.models import Subscription, SubscriptionInvoice
from billing.subscriptions.selectors import plans_are_used
from credits.admin.columns import written
from credits.formatting import credits_amount


def _plans(request: HttpRequest, customer: Customer) -> Context | None:
    if customer.account is None or not plans_are_used():
        return None
    rows = customer.rows(Subscription).exclude(status=Subscription.Status.EXPIRED)
    may_cancel = request.user.has_perm("subscriptions.cancel_subscription")
    table = Table(
        title=_("Plans"),
        headers=[
            _("Begun"),
            _("Plan"),
            _("Status"),
            _("Period"),
            _("Next charge"),
            _("Stripe"),
            _("Action"),
        ],
        rows=[_plan(row, may_cancel) for row in rows.prefetch_related("all_terms")[:ROWS]],
        empty=_("No plans."),
        more=link_to_list(Subscription, _("All plans"), account__id__exact=customer.account.pk),
    )
    return {"table": table}


def _plan(row: Subscription, may_cancel: bool) -> Sequence[Any]:
    ending = chip(_("Ends with its period"), "warning") if row.is_alive and row.cancel_at_period_end else ""
    is_at_stripe = row.stripe_subscription_id is not None
    return (
        link_to(row, written(row.created_at)),
        f"{row.terms} · {row.terms.price}",
        format_html("{} {}", chip(row.get_status_display(), TONES.get(row.status)), ending),
        _period(row),
        _day(row.next_charge_at),
        open_in_stripe(subscription_page(str(row.stripe_subscription_id))) if is_at_stripe else EMPTY,
        _button(row) if may_cancel and is_at_stripe and row.is_alive else EMPTY,
    )


def _period(row: Subscription) -> str:
    return f"{_day(row.period_start)} – {_day(row.period_end)}" if row.period_end else EMPTY


def _day(moment: datetime | None) -> str:
    return date_format(timezone.localtime(moment), "DATE_FORMAT") if moment else EMPTY


def _button(row: Subscription) -> str:
    name, label = ("keep", _("Keep plan")) if row.cancel_at_period_end else ("cancel", _("Cancel plan"))
    url = reverse(f"admin:subscriptions_subscription_{name}", args=[quote(row.pk)])
    return render_to_string("admin/customers/dialog_link.html", {"url": url, "label": label})


def _invoices(request: HttpRequest, customer: Customer) -> Context | None:
    invoices = customer.rows(SubscriptionInvoice, "subscription__account")
    rows = [_invoice(row) for row in invoices.select_related("purchase", "subscription")[:ROWS]]
    if not rows:
        return None
    headers = [_("Issued"), _("Amount"), _("Status"), _("Credits"), _("Purchase"), _("Stripe")]
    return {"table": Table(title=_("Invoices of plans"), headers=headers, rows=rows, empty="")}


def _invoice(invoice: SubscriptionInvoice) -> Sequence[Any]:
    return (
        link_to(invoice.subscription, written(invoice.issued_at)),
        str(invoice.amount),
        chip(*invoice_state(invoice)),
        credits_amount(invoice.purchase.credits) if invoice.purchase else EMPTY,
        link_to(invoice.purchase),
        open_in_stripe(invoice_page(invoice.stripe_invoice_id)),
    )


PLANS = Part(Subscription, _plans)
PLAN_INVOICES = Part(Subscription, _invoices)
