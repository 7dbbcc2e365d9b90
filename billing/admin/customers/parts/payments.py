"""Show the latest payments, with links to Stripe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _

from backoffice.display import EMPTY, chip, link_to, link_to_list
from backoffice.tables import Table
from billing.admin.customers.customer import Customer
from billing.admin.customers.parts.part import ROWS, Context, Part
from billing.admin.purchases.payments import STATE_TONES
from billing.purchases.models import Payment
from billing.purchases.payment_methods import paid_with
from billing.stripe.dashboard import payment_page
from credits.admin.columns import written


def _read(request: HttpRequest, customer: Customer) -> Context | None:
    account = customer.account
    if account is None:
        return None
    payments = customer.rows(Payment, "purchase__account").select_related("lot")
    table = Table(
        title=_("Payments"),
        headers=[_("Date"), _("Amount"), _("Paid with"), _("State"), _("Credits"), _("Stripe")],
        rows=[_row(payment) for payment in payments.order_by("-created_at", "-id")[:ROWS]],
        empty=_("No payments."),
        more=link_to_list(Payment, _("All payments"), purchase__account__id__exact=account.pk),
    )
    return {"table": table}


def _row(payment: Payment) -> Sequence[Any]:
    refused = chip(payment.get_attention_display(), "danger") if payment.attention else EMPTY
    return (
        link_to(payment, written(payment.created_at)),
        str(payment.amount),
        paid_with(payment) or EMPTY,
        chip(payment.get_state_display(), STATE_TONES.get(payment.state)),
        link_to(payment.lot) if payment.lot else refused,
        open_in_stripe(payment_page(payment.stripe_payment_intent_id)),
    )


def open_in_stripe(url: str) -> str:
    return format_html('<a class="admin-link" href="{}" rel="noreferrer">{}</a>', url, _("Open in Stripe"))


PAYMENTS = Part(Payment, _read)
