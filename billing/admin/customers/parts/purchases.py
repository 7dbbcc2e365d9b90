"""Show the latest purchases, with their receipts and a button to refund each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from django.contrib.admin.utils import quote
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from accounts.models import User
from backoffice.display import EMPTY, chip, link_to, link_to_list
from backoffice.tables import Table
from billing.admin.customers.customer import Customer
from billing.admin.customers.parts.part import ROWS, Context, Part
from billing.admin.purchases.purchases import REFUND, STATUS_TONES
from billing.purchases.models import Purchase
from billing.refunds.own_purchases import refundable_by
from credits.admin.columns import written
from credits.formatting import credits_amount


def _read(request: HttpRequest, customer: Customer) -> Context | None:
    account = customer.account
    if account is None:
        return None
    purchases = list(
        customer.rows(Purchase).prefetch_related("receipts").order_by("-created_at", "-id")[:ROWS]
    )
    member = cast(User, request.user)
    refundable = refundable_by(member, purchases) if member.has_perm(REFUND) else set()
    table = Table(
        title=_("Purchases"),
        headers=[_("Date"), _("Package"), _("Credits"), _("Price"), _("Status"), _("Receipt"), _("Action")],
        rows=[_row(purchase, purchase.pk in refundable) for purchase in purchases],
        empty=_("No purchases."),
        more=link_to_list(Purchase, _("All purchases"), account__id__exact=account.pk),
    )
    return {"table": table}


def _row(purchase: Purchase, may_refund: bool) -> Sequence[Any]:
    status = chip(purchase.get_status_display(), STATUS_TONES.get(purchase.status))
    attention = chip(purchase.get_attention_display(), "danger") if purchase.attention else ""
    receipts = sorted(purchase.receipts.all(), key=lambda receipt: receipt.issued_at)
    return (
        link_to(purchase, written(purchase.created_at)),
        purchase.package_name,
        _credits(purchase),
        str(purchase.price),
        format_html("{} {}", status, attention),
        format_html_join(" ", "{}", ((link_to(receipt),) for receipt in receipts)) or EMPTY,
        _refund_button(purchase) if may_refund and _has_something_left(purchase) else EMPTY,
    )


def _credits(purchase: Purchase) -> str:
    credits = credits_amount(purchase.credits)
    if not purchase.bonus_credits:
        return credits
    return _("%(credits)s + %(bonus)s bonus") % {
        "credits": credits,
        "bonus": credits_amount(purchase.bonus_credits),
    }


def _has_something_left(purchase: Purchase) -> bool:
    """Return whether a refund may be possible; its dialog says exactly how much."""
    return purchase.is_credited and purchase.paid.minor > purchase.refunded_minor


def _refund_button(purchase: Purchase) -> str:
    url = reverse("admin:purchases_purchase_refund", args=[quote(purchase.pk)])
    return render_to_string("admin/customers/dialog_link.html", {"url": url, "label": _("Refund")})


PURCHASES = Part(Purchase, _read)
