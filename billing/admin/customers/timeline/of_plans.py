"""Tell of plans: taken, each invoice, ended."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from backoffice.display import admin_page
from billing.admin.customers.customer import Customer
from billing.admin.customers.timeline.source import Line, Source
from billing.admin.recurring.subscriptions import invoice_state
from billing.subscriptions.models import Subscription, SubscriptionInvoice


def _plans(customer: Customer) -> QuerySet[Subscription]:
    rows = customer.rows(Subscription).exclude(stripe_subscription_id=None)
    return rows.prefetch_related("all_terms")


def _taken(row: Subscription) -> Line:
    return Line(_("Plan"), _("%(plan)s taken") % {"plan": row.terms}, admin_page(row))


def _ended(row: Subscription) -> Line:
    return Line(_("Plan"), _("%(plan)s ended") % {"plan": row.terms}, admin_page(row))


def invoices_of(customer: Customer) -> QuerySet[SubscriptionInvoice]:
    rows = customer.rows(SubscriptionInvoice, "subscription__account")
    return rows.select_related("purchase", "subscription")


def _invoice(invoice: SubscriptionInvoice) -> Line:
    bought = invoice.purchase.package_name if invoice.purchase else ""
    words = [bought, str(invoice.amount), str(invoice_state(invoice)[0])]
    return Line(
        _("Invoice of a plan"),
        " · ".join(filter(None, words)),
        admin_page(invoice.purchase or invoice.subscription),
    )


PLANS = [
    Source("plan-taken", Subscription, "created_at", _plans, _taken),
    Source("invoice", SubscriptionInvoice, "issued_at", invoices_of, _invoice, Subscription),
    Source("plan-ended", Subscription, "ended_at", _plans, _ended),
]
