"""Show receipts and credit notes, with downloads."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display

from backoffice.actions import acted_on
from backoffice.columns import column
from backoffice.display import link_to
from backoffice.read_only import ReadOnlyAdmin
from billing.admin.customer_links import customer_column
from billing.receipts.downloads import as_pdf
from billing.receipts.models import Receipt


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    list_display = ["number", "kind", "day", "amount", "purchase_link", "buyer_link", "issued_at"]
    list_filter = ["kind", "series", "day"]
    search_fields = ["number__exact", "purchase__id__exact", "refund__stripe_refund_id__exact"]
    search_help_text = _("Number, purchase ID, or Stripe refund ID.")
    list_select_related = ["purchase__user", "refund__payment"]
    actions_detail = ["pdf"]
    fields = [
        "number",
        "kind",
        "day",
        "amount",
        "tax",
        "purchase_link",
        "refund_link",
        "customer",
        "buyer",
        "paid_with",
        "seller_name",
        "seller_address",
        "seller_tax_id",
        "note",
        "language",
        "issued_at",
    ]
    readonly_fields = fields

    tax = column(_("tax"), "tax")
    purchase_link = column(_("purchase"), "purchase", link_to)
    refund_link = column(_("refund"), "refund", link_to)
    customer = customer_column("purchase.account_id")
    buyer_link = column(_("buyer"), "purchase.user", link_to)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Receipt]:
        receipts: QuerySet[Receipt] = super().get_queryset(request)
        return receipts.select_related("purchase__user", "refund__payment")

    @display(description=_("amount"))
    def amount(self, receipt: Receipt) -> str:
        return f"−{receipt.refund.amount}" if receipt.refund else str(receipt.purchase.paid)

    @action(description=_("Download PDF"), url_path="pdf", permissions=["view"])
    def pdf(self, request: HttpRequest, object_id: str) -> HttpResponse:
        receipt: Receipt = acted_on(self, request, object_id)
        return as_pdf(receipt)
