"""Serve the redemption of codes."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.limits.requests import address_of
from accounts.models import User
from billing.api.fields import UtcTimeField
from core.problems import problem_responses
from credits.rates.exact_json import ExactJSONRenderer, ExactNumberField
from credits.redemption.codes import LONGEST_INPUT
from credits.redemption.redeeming import redeem

WHO = (401, 403, 429, 503)
KEY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Your key, up to 200 characters. A repeat with the same key and code returns the same answer.",
)


class RedemptionOrderSerializer(serializers.Serializer[Any]):
    code = serializers.CharField(
        max_length=LONGEST_INPUT, help_text="In any case, with or without spaces and hyphens."
    )
    team = serializers.UUIDField(
        source="team_id", required=False, help_text="One of the user's teams, to receive the credits."
    )


class RedemptionSerializer(serializers.Serializer[Any]):
    """What a code brought."""

    amount = ExactNumberField()
    balance = ExactNumberField(help_text="The account's balance after it.")
    expires_at = UtcTimeField(allow_null=True, help_text="When the credits expire; null if they don't.")


@extend_schema(tags=["Buying credits"])
class RedemptionsView(APIView):
    renderer_classes = [ExactJSONRenderer]

    @extend_schema(
        operation_id="redeem_code",
        summary="Redeem a code",
        description="Adds the credits of a gift card or an event's code, once per account. Any code that brings "
        "nothing gets the same 404 `code_invalid`.",
        parameters=[KEY_HEADER],
        request=RedemptionOrderSerializer,
        responses={201: RedemptionSerializer, **problem_responses(400, *WHO, 404, 415)},
    )
    def post(self, request: Request) -> Response:
        order = RedemptionOrderSerializer(data=request.data)
        order.is_valid(raise_exception=True)
        redeemed = redeem(
            cast(User, request.user),
            order.validated_data["code"],
            address=address_of(request),
            team_id=order.validated_data.get("team_id"),
            key=request.headers.get("Idempotency-Key", ""),
        )
        return Response(RedemptionSerializer(redeemed).data, status=201)
