"""Serve the older client's URLs and shapes through the same functions, without logic of its own."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from billing.api.webhook import WebhookView
from billing.checkout.orders import PurchaseOrder
from billing.checkout.return_urls import older_cancel_url, older_success_url
from billing.checkout.starting import start_purchase
from billing.checkout.success import ShownSession, confirm_and_show_session
from billing.packages.models import Package
from billing.purchases.models import Purchase, PurchaseEvent
from core.errors import DomainError
from credits.formatting import plain
from credits.rates.api import EstimateQuerySerializer, EstimateSerializer, estimate_from
from credits.rates.exact_json import ExactJSONRenderer
from credits.rates.selectors import default_model


class LegacyOrderSerializer(serializers.Serializer[Any]):
    """``package_id`` is the package's id, or its code."""

    package_id = serializers.CharField(max_length=50)
    payment_method = serializers.ChoiceField(choices=["stripe"], default="stripe")


class LegacyPurchaseSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    message = serializers.CharField()
    payment_url = serializers.CharField()


class LegacyReceivedSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    received = serializers.BooleanField()


class LegacySessionDataSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    payment_status = serializers.CharField()
    customer_email = serializers.CharField(allow_blank=True)
    amount_total = serializers.IntegerField()
    currency = serializers.CharField()
    metadata = serializers.DictField(child=serializers.CharField())
    payment_intent = serializers.CharField(source="payment_intent_id", allow_null=True)


class LegacySessionSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField()
    session = LegacySessionDataSerializer()


class LegacyEstimateQuerySerializer(EstimateQuerySerializer):
    """The query; ``model`` defaults to ``default``, else to the first on the rate card that reads text."""

    model = serializers.CharField(max_length=151, default=default_model)


class LegacyEstimateSerializer(EstimateSerializer):
    success = serializers.BooleanField(default=True, read_only=True)


class LegacyRefusalSerializer(serializers.Serializer[Any]):
    success = serializers.BooleanField(help_text="Always false.")
    message = serializers.CharField()
    detail = serializers.CharField(help_text="The same as `message`.")


def _refusals(*statuses: int) -> dict[int, type[LegacyRefusalSerializer]]:
    return dict.fromkeys(statuses, LegacyRefusalSerializer)


class LegacyView(APIView):
    """Returns errors in the older shape, with the same statuses as elsewhere."""

    def handle_exception(self, exc: Exception) -> Response:
        response = super().handle_exception(exc)
        message = exc.message if isinstance(exc, DomainError) else response.data.get("detail", "")
        response.data = {"success": False, "message": message, "detail": message}
        response.content_type = "application/json"
        return response


@extend_schema(tags=["Older client"])
class LegacyPurchaseView(LegacyView):
    @extend_schema(
        operation_id="legacy_purchase",
        request=LegacyOrderSerializer,
        responses={
            200: LegacyPurchaseSerializer,
            **_refusals(400, 401, 403, 404, 409, 415, 422, 429, 502, 503),
        },
    )
    def post(self, request: Request) -> Response:
        body = LegacyOrderSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        package_id = body.validated_data["package_id"]
        order = PurchaseOrder(
            package_code=_code_of(package_id),
            package_id=package_id,
            success_url=older_success_url(),
            cancel_url=older_cancel_url(),
            idempotency_key=request.headers.get("Idempotency-Key", ""),
        )
        started = start_purchase(cast(User, request.user), order, PurchaseEvent.Source.API)
        answer = {"success": True, "message": "Checkout session created", "payment_url": started.checkout_url}
        return Response(answer)


@extend_schema(tags=["Older client"])
class LegacySessionView(LegacyView):
    @extend_schema(
        operation_id="legacy_session",
        responses={200: LegacySessionSerializer, **_refusals(401, 403, 404, 429, 502, 503)},
    )
    def get(self, request: Request, session_id: str) -> Response:
        user = cast(User, request.user)
        purchase, session = confirm_and_show_session(user, session_id, PurchaseEvent.Source.API)
        shown = {**LegacySessionDataSerializer(session).data, "metadata": _metadata(purchase, session)}
        return Response({"success": True, "session": shown})


@extend_schema(tags=["Older client"])
class LegacyEstimateView(LegacyView):
    renderer_classes = [ExactJSONRenderer]

    @extend_schema(
        operation_id="legacy_estimate",
        parameters=[LegacyEstimateQuerySerializer],
        responses={200: LegacyEstimateSerializer, **_refusals(400, 401, 403, 404, 429, 503)},
    )
    def get(self, request: Request) -> Response:
        query = LegacyEstimateQuerySerializer(data=request.query_params)
        found = estimate_from(cast(User, request.user), query)
        return Response({"success": True, **EstimateSerializer(found).data})


@extend_schema(tags=["Older client"])
class LegacyWebhookView(LegacyView, WebhookView):
    @extend_schema(
        operation_id="legacy_webhook",
        request={"application/json": {"type": "object"}},
        responses={200: LegacyReceivedSerializer, **_refusals(400, 403, 413, 429, 500, 503)},
    )
    def post(self, request: Request) -> Response:
        self.take_in(request)
        return Response({"success": True, "received": True})


def _metadata(purchase: Purchase, session: ShownSession) -> dict[str, str]:
    """Return the older client's metadata, whichever client opened the session."""
    ours = {
        "user_id": str(purchase.user_id),
        "credits": plain(purchase.credits),
        "package_id": str(purchase.package_id or purchase.package_code),
    }
    return {**ours, **session.metadata}


def _code_of(package_id: str) -> str:
    by_id = Package.objects.filter(pk=int(package_id)) if package_id.isdecimal() else Package.objects.none()
    return by_id.values_list("code", flat=True).first() or package_id
