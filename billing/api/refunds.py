"""Serve refunds to staff with the permission."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from django.conf import settings
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from billing.api.fields import MoneyField, NumberField, UtcTimeField
from billing.errors import InvalidIdempotencyKey, InvalidRefund
from billing.money import Money
from billing.purchases.models import Purchase
from billing.refunds.claims import claim_of
from billing.refunds.models import Refund
from billing.refunds.refunding import LONGEST_NOTE, RefundOrder, preview_refund, refund_purchase
from core.amounts.api_fields import AmountField
from core.problems import problem_responses
from core.uuids import as_uuid

LONGEST_KEY = 200
WHO = (401, 403, 429, 503)
KEY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="Your key, up to 200 characters. Repeats with the same key return the first refund.",
)


class MayRefund(BasePermission):
    """Requires ``refunds.refund_purchase``, as the admin's button does."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return cast(User, request.user).has_perm("refunds.refund_purchase")


class PreviewQuerySerializer(serializers.Serializer[Any]):
    amount = AmountField(
        max_digits=20,
        decimal_places=3,
        required=False,
        help_text="In the currency's main unit, such as 2.50. Defaults to the unspent share of the price.",
    )


class PreviewSerializer(serializers.Serializer[Any]):
    """The effect of a refund now. ``credits_left`` of the credits bought and ``bonus_left`` of the bonus are unspent;
    the first refund asks for the whole bonus. Of ``credits_asked``, ``credits_taken`` would be removed immediately and
    ``credits_pending`` when their hold ends. ``credits_spent`` were used or gifted: they are written off, billed, or
    block the refund, by its policy. ``credits_lost`` expired or were removed by staff, and are written off.
    """

    paid = MoneyField(source="purchase.paid")
    refunded = MoneyField(source="purchase.refunded")
    refundable = MoneyField()
    amount = MoneyField()
    tax = MoneyField(help_text="The tax in `amount`.")
    currency = serializers.CharField(source="purchase.currency", read_only=True)
    credits_left = NumberField()
    bonus_left = NumberField()
    credits_asked = NumberField()
    credits_taken = NumberField()
    credits_pending = NumberField()
    credits_spent = NumberField()
    credits_lost = NumberField()


class RefundOrderSerializer(serializers.Serializer[Any]):
    amount = AmountField(
        max_digits=20, decimal_places=3, help_text="In the currency's main unit, such as 2.50."
    )
    reason = serializers.ChoiceField(
        choices=Refund.Reason.choices, required=False, allow_blank=True, default=""
    )
    policy = serializers.ChoiceField(
        choices=Refund.Policy.choices,
        required=False,
        help_text="What happens to credits already spent. Defaults to the site's setting.",
    )
    note = serializers.CharField(max_length=LONGEST_NOTE, required=False, allow_blank=True, default="")


class RefundSerializer(serializers.Serializer[Any]):
    """A refund and its credits: those of ``credits_asked`` that are neither taken, pending nor owed are written off."""

    id = serializers.UUIDField(read_only=True)
    purchase_id = serializers.UUIDField(source="payment.purchase_id", read_only=True)
    status = serializers.ChoiceField(choices=Refund.Status.choices, read_only=True)
    amount = MoneyField()
    currency = serializers.CharField(read_only=True)
    reason = serializers.CharField(read_only=True)
    policy = serializers.ChoiceField(choices=Refund.Policy.choices, read_only=True)
    credits_asked = NumberField(source="claim.amount")
    credits_taken = NumberField(source="claim.taken")
    credits_pending = NumberField(source="claim.pending")
    credits_owed = NumberField(source="claim.owed")
    failure_reason = serializers.CharField(read_only=True)
    stripe_refund_id = serializers.CharField(read_only=True, allow_null=True)
    created_at = UtcTimeField()


@extend_schema(tags=["For admins"])
class RefundPreviewView(APIView):
    permission_classes = [*APIView.permission_classes, MayRefund]

    @extend_schema(
        operation_id="preview_refund",
        summary="Preview a refund",
        parameters=[PreviewQuerySerializer],
        responses={200: PreviewSerializer, **problem_responses(400, *WHO, 404, 409)},
    )
    def get(self, request: Request, purchase_id: str) -> Response:
        query = PreviewQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        purchase = _purchase(purchase_id)
        amount = query.validated_data.get("amount")
        minor = None if amount is None else _minor(amount, purchase)
        return Response(PreviewSerializer(preview_refund(purchase, minor)).data)


@extend_schema(tags=["For admins"])
class RefundsView(APIView):
    permission_classes = [*APIView.permission_classes, MayRefund]

    @extend_schema(
        operation_id="refund_purchase",
        summary="Refund a purchase",
        description="Refunds all or part of a purchase: removes the credits and asks Stripe for the refund. The "
        "status `requested` means that Stripe hasn't responded yet; the refund is retried automatically.",
        parameters=[KEY_HEADER],
        request=RefundOrderSerializer,
        responses={201: RefundSerializer, **problem_responses(400, *WHO, 404, 409, 415, 422)},
    )
    def post(self, request: Request, purchase_id: str) -> Response:
        order = RefundOrderSerializer(data=request.data)
        order.is_valid(raise_exception=True)
        purchase = _purchase(purchase_id)
        refund = refund_purchase(purchase.pk, _order(order.validated_data, purchase, request))
        return Response(_shown(refund), status=201)


def _order(data: dict[str, Any], purchase: Purchase, request: Request) -> RefundOrder:
    key = request.headers.get("Idempotency-Key", "")
    if not 0 < len(key) <= LONGEST_KEY:
        raise InvalidIdempotencyKey(f"Send an Idempotency-Key of 1 to {LONGEST_KEY} characters.")
    return RefundOrder(
        amount_minor=_minor(data["amount"], purchase),
        reason=Refund.Reason(data["reason"]),
        policy=Refund.Policy(data.get("policy") or settings.REFUND_POLICY),
        note=data["note"],
        origin=Refund.Origin.API,
        asked_by=cast(User, request.user),
        idempotency_key=f"api:{key}",
    )


def _shown(refund: Refund) -> Any:
    refund.claim = claim_of(refund)  # type: ignore[attr-defined]  # for the serializer alone
    return RefundSerializer(refund).data


def _purchase(purchase_id: str) -> Purchase:
    found = as_uuid(purchase_id)
    purchase = Purchase.objects.filter(pk=found).first() if found else None
    if purchase is None:
        raise NotFound("There is no such purchase.")
    return purchase


def _minor(amount: Decimal, purchase: Purchase) -> int:
    try:
        return Money.from_major(amount, purchase.currency).minor
    except ValueError as error:
        raise InvalidRefund(str(error), field="amount") from error
