"""Receive Stripe's webhooks."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from accounts.limits.rates import RateLimited, check_rate
from accounts.limits.requests import address_of
from billing.api.serializers import ReceivedSerializer
from billing.inbox.counting import count_limited, counting_delivery
from billing.provider import provider
from billing.provider.errors import UnreadableEvent, WebhookTooLarge
from billing.webhooks.receiving import keep_unreadable, receive_event
from billing.webhooks.senders import check_sender
from core.client_address import client_address
from core.problems import problem_responses


class DeliveryThrottle(BaseThrottle):
    """Counts deliveries by IP address before reading their body. Raises RateLimited."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            check_rate(f"webhook:{address_of(request)}", settings.WEBHOOK_RATE)
        except RateLimited:
            count_limited()
            raise
        return True


@extend_schema(tags=["For Stripe"])
class WebhookView(APIView):
    """Verifies an event, stores and applies it in one short transaction, then responds. 2xx means that it is stored
    durably; after anything else, Stripe resends the event.
    """

    authentication_classes = []
    permission_classes = [AllowAny]
    throttle_classes = [DeliveryThrottle]

    @extend_schema(
        operation_id="receive_webhook",
        summary="Receive a Stripe event",
        parameters=[OpenApiParameter("Stripe-Signature", str, OpenApiParameter.HEADER, required=True)],
        request={"application/json": {"type": "object"}},
        responses={200: ReceivedSerializer, **problem_responses(400, 403, 411, 413, 429, 500, 503)},
    )
    def post(self, request: Request) -> Response:
        self.take_in(request)
        return Response({"received": True})

    def take_in(self, request: Request) -> None:
        signature = request.headers.get("Stripe-Signature", "")
        with counting_delivery(provider().is_signature(signature)) as delivery:
            check_sender(client_address(request))
            try:
                event = provider().verify_event(_body(request), signature)
            except UnreadableEvent as error:
                delivery.is_verified = True
                params = error.params
                delivery.status = keep_unreadable(params["key"], params["payload"], error.message)
            else:
                delivery.is_verified = True
                delivery.status = receive_event(event)


@extend_schema(exclude=True)
class DjstripeWebhookView(WebhookView):
    """Serves dj-stripe's URL; its id tells endpoints apart in dj-stripe, here the signature does."""

    def post(self, request: Request, uuid: UUID | None = None) -> Response:
        return super().post(request)


def _body(request: Request) -> bytes:
    try:
        announced = int(request.headers.get("Content-Length") or 0)
    except ValueError:
        announced = 0
    if announced > settings.WEBHOOK_MAX_BYTES:
        raise WebhookTooLarge("The request body is too large.")
    try:
        return request._request.body
    except RequestDataTooBig as error:
        raise WebhookTooLarge("The request body is too large.") from error
