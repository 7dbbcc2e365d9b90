"""Serve receipts and credit notes to buyers and to those who manage their team."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import User
from billing.errors import NoReceipt
from billing.purchases.selectors import documented_purchases
from billing.receipts.downloads import purchase_document, refund_document
from billing.receipts.issuing import PDF
from billing.refunds.selectors import documented_refunds
from core.problems import problem_responses
from core.uuids import as_uuid

WHO = (401, 403, 429, 503)


class PdfRenderer(BaseRenderer):
    """Lets a client accept PDF; renders only errors, as the views return the PDF themselves."""

    media_type = PDF
    format = "pdf"
    render_style = "binary"

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        return JSONRenderer().render(data, accepted_media_type, renderer_context)


@extend_schema(tags=["Buying credits"])
class ReceiptView(APIView):
    renderer_classes = [JSONRenderer, PdfRenderer]

    @extend_schema(
        operation_id="read_receipt",
        summary="Download a receipt",
        description="PDF receipt of your own purchase, or of a team you manage. Redirects (302) to Stripe's invoice "
        "if Stripe issues it.",
        responses={
            (200, PDF): OpenApiTypes.BINARY,
            302: OpenApiResponse(description="Redirect to Stripe's invoice."),
            **problem_responses(*WHO, 404, 502),
        },
    )
    def get(self, request: Request, purchase_id: str) -> HttpResponse:
        found = as_uuid(purchase_id)
        purchase = documented_purchases(cast(User, request.user)).filter(pk=found).first() if found else None
        if purchase is None:
            raise NoReceipt("You have no such purchase.")
        return purchase_document(purchase)


@extend_schema(tags=["Buying credits"])
class CreditNoteView(APIView):
    renderer_classes = [JSONRenderer, PdfRenderer]

    @extend_schema(
        operation_id="read_credit_note",
        summary="Download a credit note",
        responses={(200, PDF): OpenApiTypes.BINARY, **problem_responses(*WHO, 404)},
    )
    def get(self, request: Request, refund_id: str) -> HttpResponse:
        found = as_uuid(refund_id)
        refund = documented_refunds(cast(User, request.user)).filter(pk=found).first() if found else None
        if refund is None:
            raise NoReceipt("You have no such refund.")
        return refund_document(refund)
