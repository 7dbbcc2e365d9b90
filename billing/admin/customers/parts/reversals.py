"""Show the latest refunds and disputes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from backoffice.display import EMPTY, chip, in_words, link_to, link_to_list
from backoffice.tables import Table
from billing.admin.customers.customer import Customer
from billing.admin.customers.parts.part import ROWS, Context, Part
from billing.admin.customers.parts.payments import open_in_stripe
from billing.admin.purchases.reversals import DISPUTE_TONES, REFUND_TONES
from billing.refunds.models import Dispute, Refund
from billing.stripe.dashboard import dispute_page
from credits.admin.columns import written
from credits.ledger.models import Account


def _refunds(request: HttpRequest, customer: Customer) -> Context | None:
    if customer.account is None:
        return None
    table = Table(
        title=_("Refunds"),
        headers=[_("Date"), _("Amount"), _("Status"), _("Reason"), _("Note"), _("Purchase")],
        rows=[_refund(row) for row in _latest(Refund, customer)],
        empty=_("No refunds."),
        more=_all(Refund, customer.account, _("All refunds")),
    )
    return {"table": table}


def _refund(refund: Refund) -> Sequence[Any]:
    return (
        link_to(refund, written(refund.created_at)),
        str(refund.amount),
        chip(refund.get_status_display(), REFUND_TONES.get(refund.status)),
        refund.get_reason_display(),
        refund.note or EMPTY,
        link_to(refund.purchase),
    )


def _disputes(request: HttpRequest, customer: Customer) -> Context | None:
    if customer.account is None:
        return None
    table = Table(
        title=_("Disputes"),
        headers=[
            _("Date"),
            _("Amount"),
            _("Status"),
            _("Reason"),
            _("Respond by"),
            _("Purchase"),
            _("Stripe"),
        ],
        rows=[_dispute(row) for row in _latest(Dispute, customer)],
        empty=_("No disputes."),
        more=_all(Dispute, customer.account, _("All disputes")),
    )
    return {"table": table}


def _dispute(dispute: Dispute) -> Sequence[Any]:
    return (
        link_to(dispute, written(dispute.made_at)),
        str(dispute.amount),
        chip(dispute.get_status_display(), DISPUTE_TONES.get(dispute.status)),
        in_words(dispute.reason) or EMPTY,
        written(dispute.due_by),
        link_to(dispute.purchase),
        open_in_stripe(dispute_page(dispute.stripe_dispute_id)),
    )


def _latest(model: type[Any], customer: Customer) -> Any:
    rows = customer.rows(model, "payment__purchase__account").select_related("payment__purchase")
    return rows.order_by("-created_at", "-id")[:ROWS]


def _all(model: type[Any], account: Account, label: str) -> str:
    return link_to_list(model, label, payment__purchase__account__id__exact=account.pk)


REFUNDS = Part(Refund, _refunds)
DISPUTES = Part(Dispute, _disputes)
