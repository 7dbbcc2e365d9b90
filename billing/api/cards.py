"""Serve saved cards, and purchases that charge one."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from billing.checkout.orders import PurchaseOrder
from billing.checkout.starting import start_purchase
from billing.customers.methods import usable_methods
from billing.customers.permissions import find_managed_team
from billing.purchases.models import Purchase, PurchaseEvent
from core.amounts.api_fields import AmountField
from core.problems import problem_responses
from credits.api.errors import IdempotencyKeyRequired
from credits.ledger.holders import account_of

WHO = (401, 403, 429, 503)
KEY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="Your key, up to 255 characters. Repeats with the same key and body return the same top-up.",
)
OUTCOMES = ("completed", "processing", "requires_action", "failed")


class MethodsQuerySerializer(serializers.Serializer[Any]):
    team = serializers.UUIDField(
        required=False, help_text="List the cards of a team whose owner or admin you are."
    )


class PaymentMethodSerializer(serializers.Serializer[Any]):
    """A saved card. ``brand`` is Stripe's name for it, such as ``visa``."""

    id = serializers.UUIDField(source="row.pk", read_only=True)
    brand = serializers.CharField(source="row.brand", read_only=True)
    last4 = serializers.CharField(source="row.last4", read_only=True)
    exp_month = serializers.IntegerField(source="row.exp_month", read_only=True, allow_null=True)
    exp_year = serializers.IntegerField(source="row.exp_year", read_only=True, allow_null=True)
    is_default = serializers.BooleanField(read_only=True)


class TopUpOrderSerializer(serializers.Serializer[Any]):
    """An order for a package or a custom amount, to be paid with a saved card."""

    package_code = serializers.CharField(max_length=50, required=False, default="")
    amount = AmountField(
        max_digits=20, decimal_places=3, required=False, help_text="In the main unit of `currency`."
    )
    currency = serializers.CharField(max_length=3, required=False, default="")
    payment_method = serializers.UUIDField(
        source="card_id", required=False, help_text="A saved card's `id`. Defaults to the default one."
    )
    team = serializers.UUIDField(
        source="team_id",
        required=False,
        help_text="A team whose owner or admin you are: its card is charged.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Require one thing to buy."""
        if bool(attrs["package_code"]) == ("amount" in attrs):
            raise serializers.ValidationError({"package_code": ["Send either this or an amount."]})
        return attrs


class TopUpSerializer(serializers.Serializer[Purchase]):
    """What came of a top-up. Poll ``session/<purchase_id>`` while it isn't ``completed`` or ``failed``."""

    purchase_id = serializers.UUIDField(source="pk", read_only=True)
    status = serializers.SerializerMethodField()
    confirm_url = serializers.SerializerMethodField(
        help_text="With `requires_action`: where the buyer confirms the payment with their bank, else null."
    )
    failure_code = serializers.SerializerMethodField(
        help_text="With `failed`: Stripe's code, such as `insufficient_funds`, else null."
    )

    @extend_schema_field(serializers.ChoiceField(choices=OUTCOMES))
    def get_status(self, purchase: Purchase) -> str:
        if purchase.is_credited:
            return "completed"
        if purchase.attention or purchase.status == Purchase.Status.PROCESSING:
            return "processing"
        if purchase.status == Purchase.Status.PENDING:
            return "requires_action" if purchase.checkout_url else "processing"
        return "failed"

    def get_confirm_url(self, purchase: Purchase) -> str | None:
        return purchase.checkout_url if self.get_status(purchase) == "requires_action" else None

    def get_failure_code(self, purchase: Purchase) -> str | None:
        return purchase.failure_code if self.get_status(purchase) == "failed" else None


@extend_schema(tags=["Buying credits"])
class PaymentMethodsView(APIView):
    @extend_schema(
        operation_id="list_payment_methods",
        summary="List saved cards",
        description="Lists the cards that can be charged, the default first.",
        parameters=[MethodsQuerySerializer],
        responses={200: PaymentMethodSerializer(many=True), **problem_responses(400, *WHO, 404)},
    )
    def get(self, request: Request) -> Response:
        query = MethodsQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        user, team_id = cast(User, request.user), query.validated_data.get("team")
        team = find_managed_team(team_id, user) if team_id else None
        account = account_of(user, team).first()
        return Response(PaymentMethodSerializer(usable_methods(account) if account else [], many=True).data)


@extend_schema(tags=["Buying credits"])
class TopUpsView(APIView):
    @extend_schema(
        operation_id="top_up",
        summary="Buy with a saved card",
        description="Charges a saved card at once, without a checkout.",
        parameters=[KEY_HEADER],
        request=TopUpOrderSerializer,
        responses={201: TopUpSerializer, **problem_responses(400, *WHO, 404, 409, 415, 422, 502)},
    )
    def post(self, request: Request) -> Response:
        order = TopUpOrderSerializer(data=request.data)
        order.is_valid(raise_exception=True)
        user, key = cast(User, request.user), request.headers.get("Idempotency-Key", "")
        if not key:
            raise IdempotencyKeyRequired("Send an Idempotency-Key: a repeat must not charge the card again.")
        if team_id := order.validated_data.get("team_id"):
            find_managed_team(team_id, user)
        ordered = PurchaseOrder(**order.validated_data, by_default_card=True, idempotency_key=key)
        started = start_purchase(user, ordered, PurchaseEvent.Source.API)
        return Response(TopUpSerializer(started.purchase).data, status=201)
