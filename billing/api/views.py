"""Serve the purchase API; each view parses, calls one function and renders."""

from __future__ import annotations

from typing import Any, cast

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from accounts.models import User
from accounts.teams.membership import find_own
from billing.api.orders import OrderQuoteSerializer, OrderSerializer, QuoteQuerySerializer, QuoteSerializer
from billing.api.serializers import (
    AdminPageQuerySerializer,
    AdminPurchaseSerializer,
    BalanceSerializer,
    HistoryQuerySerializer,
    PackageQuerySerializer,
    PackageSerializer,
    PurchaseSerializer,
    SessionSerializer,
    StartedPurchaseSerializer,
)
from billing.checkout.orders import PurchaseOrder
from billing.checkout.quoting import quote_order
from billing.checkout.starting import start_purchase
from billing.checkout.success import confirm_session
from billing.checkout.terms import current_terms, struck_prices
from billing.discounts.amounts import quote
from billing.packages.prices import sold_in
from billing.packages.selectors import all_packages, packages_on_sale
from billing.purchases.models import Purchase, PurchaseEvent
from billing.purchases.selectors import all_purchases, purchases_of
from core.database.replica.reading import read_from_replica
from core.database.replica.routing import note_seen
from core.problems import problem_responses
from credits.ledger.selectors import get_balance
from credits.rates.exact_json import ExactJSONRenderer

# Not signed in; not allowed; too many requests; a token that can't be checked while the provider is down.
WHO = (401, 403, 429, 503)
TOTAL_COUNT = "X-Total-Count"
TOTAL_COUNT_HEADER = OpenApiParameter(
    TOTAL_COUNT, int, OpenApiParameter.HEADER, response=True, description="Total number of rows."
)
IDEMPOTENCY_KEY_HEADER = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="Your key, up to 255 characters. Repeats with the same key and body return the same session.",
)


def _user(request: Request) -> User:
    return cast(User, request.user)


def _parsed(serializer: BaseSerializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return cast(dict[str, Any], serializer.validated_data)


class IsAdmin(BasePermission):
    """Requires the admin role, which the OpenID provider assigns (see `accounts.people`)."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return _user(request).is_superuser


@extend_schema(tags=["Buying credits"])
class PackagesView(APIView):
    @extend_schema(
        operation_id="list_packages",
        summary="List packages",
        parameters=[PackageQuerySerializer],
        responses={200: PackageSerializer(many=True), **problem_responses(400, *WHO)},
    )
    def get(self, request: Request) -> Response:
        query = _parsed(PackageQuerySerializer(data=request.query_params))
        include_inactive = query["include_inactive"]
        if include_inactive and not _user(request).is_superuser:
            raise PermissionDenied("Only admins can list packages that are off sale.")
        packages = list(all_packages() if include_inactive else packages_on_sale())
        if "currency" in query:
            packages = sold_in(packages, query["currency"].lower())
        terms = current_terms(packages)
        context = {"terms": terms, "struck": struck_prices(terms.values())}
        return Response(PackageSerializer(packages, many=True, context=context).data)


@extend_schema(tags=["Buying credits"])
class QuoteView(APIView):
    @extend_schema(
        operation_id="quote_amount",
        summary="Price a custom amount",
        description="The currency's limits, and what an amount buys.",
        parameters=[QuoteQuerySerializer],
        responses={200: QuoteSerializer, **problem_responses(400, *WHO, 404)},
    )
    def get(self, request: Request) -> Response:
        query = _parsed(QuoteQuerySerializer(data=request.query_params))
        return Response(QuoteSerializer(quote(query["currency"], query.get("amount"))).data)

    @extend_schema(
        operation_id="quote_order",
        summary="Price an order",
        description="What a purchase with the same body would cost now, with the sale and the discount code.",
        request=OrderSerializer,
        responses={200: OrderQuoteSerializer, **problem_responses(400, *WHO, 404, 409, 415)},
    )
    def post(self, request: Request) -> Response:
        order = PurchaseOrder(**_parsed(OrderSerializer(data=request.data)))
        return Response(OrderQuoteSerializer(quote_order(_user(request), order)).data)


@extend_schema(tags=["Buying credits"])
class PurchaseView(APIView):
    @extend_schema(
        operation_id="start_purchase",
        summary="Buy a package or a custom amount",
        description="Opens a checkout. Send the buyer to `checkout_url`; the credits are added once it is paid.",
        parameters=[IDEMPOTENCY_KEY_HEADER],
        request=OrderSerializer,
        responses={
            201: StartedPurchaseSerializer,
            **problem_responses(400, *WHO, 404, 409, 415, 422, 502),
        },
    )
    def post(self, request: Request) -> Response:
        key = request.headers.get("Idempotency-Key", "")
        order = PurchaseOrder(**_parsed(OrderSerializer(data=request.data)), idempotency_key=key)
        started = start_purchase(_user(request), order, PurchaseEvent.Source.API)
        return Response(StartedPurchaseSerializer(started).data, status=201)


@extend_schema(tags=["Buying credits"])
class SessionView(APIView):
    @extend_schema(
        operation_id="read_session",
        summary="Get a checkout",
        description="Checks with Stripe, and credits a paid purchase if the webhook hasn't yet. Safe to poll.",
        responses={200: SessionSerializer, **problem_responses(*WHO, 404)},
    )
    def get(self, request: Request, session_id: str) -> Response:
        purchase = confirm_session(_user(request), session_id, PurchaseEvent.Source.API)
        note_seen()
        return Response(SessionSerializer(purchase).data)


@extend_schema(tags=["Buying credits"])
class HistoryView(APIView):
    @extend_schema(
        operation_id="list_purchases",
        summary="List purchases",
        parameters=[HistoryQuerySerializer, TOTAL_COUNT_HEADER],
        responses={200: PurchaseSerializer(many=True), **problem_responses(400, *WHO, 404)},
    )
    def get(self, request: Request) -> Response:
        query, user = _parsed(HistoryQuerySerializer(data=request.query_params)), _user(request)
        team = find_own(query["team"], user).team if "team" in query else None
        return _page(request, purchases_of(user, query.get("status", ""), team), query, PurchaseSerializer)


@extend_schema(tags=["Buying credits"])
class BalanceView(APIView):
    renderer_classes = [ExactJSONRenderer]

    @extend_schema(
        operation_id="read_balance",
        summary="Get balance",
        responses={200: BalanceSerializer, **problem_responses(*WHO)},
    )
    def get(self, request: Request) -> Response:
        return Response(BalanceSerializer(get_balance(_user(request))).data)


@extend_schema(tags=["For admins"])
class AdminPurchasesView(APIView):
    permission_classes = [*APIView.permission_classes, IsAdmin]

    @extend_schema(
        operation_id="list_all_purchases",
        summary="List all purchases",
        parameters=[AdminPageQuerySerializer, TOTAL_COUNT_HEADER],
        responses={200: AdminPurchaseSerializer(many=True), **problem_responses(400, *WHO)},
    )
    def get(self, request: Request) -> Response:
        query = _parsed(AdminPageQuerySerializer(data=request.query_params))
        return _page(request, all_purchases(query.get("status", "")), query, AdminPurchaseSerializer)


class NothingHereView(APIView):
    """Returns 404 in the API's shape for any other URL under its root."""

    schema = None
    authentication_classes = []
    permission_classes = [AllowAny]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound


def _page(
    request: Request,
    purchases: QuerySet[Purchase],
    query: dict[str, Any],
    serializer: type[PurchaseSerializer],
) -> Response:
    def page() -> Response:
        rows = purchases[query["offset"] : query["offset"] + query["limit"]]
        total = str(purchases.count())
        return Response(serializer(rows, many=True).data, headers={TOTAL_COUNT: total})

    return read_from_replica(request, page)
