"""Serve plans and subscriptions in the purchase API."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from accounts.teams.membership import find_own
from billing.api.fields import MoneyField, NumberField, UtcTimeField
from billing.api.views import WHO
from billing.errors import UnknownSubscription
from billing.plans.models import Plan
from billing.subscriptions.changing import change_plan, set_ending
from billing.subscriptions.models import Subscription
from billing.subscriptions.selectors import find_own_subscription, plans_on_sale, subscriptions_of
from billing.subscriptions.subscribing import require_manager, subscribe
from core.problems import problem_responses
from core.uuids import as_uuid
from credits.ledger import operations as ledger
from credits.ledger.models import Account

TEAM = OpenApiParameter("team", UUID, description="One of your teams, in place of your own account.")


class PlanSerializer(serializers.ModelSerializer[Plan]):
    plan_code = serializers.CharField(source="code", read_only=True)
    plan_name = serializers.CharField(source="shown_name", read_only=True)
    description = serializers.CharField(source="shown_description", read_only=True)
    allowance = NumberField(source="credits", help_text="Credits per month.")
    price = MoneyField()

    class Meta:
        model = Plan
        fields = [
            "plan_code", "plan_name", "description", "allowance", "price", "currency", "interval", "rollover",
            "rollover_months", "trial_days",
        ]  # fmt: skip
        read_only_fields = fields


class SubscribeSerializer(serializers.Serializer[Any]):
    plan_code = serializers.CharField(max_length=50)
    team = serializers.UUIDField(required=False, help_text="One of your teams, in place of your own account.")


class StartedSubscriptionSerializer(serializers.Serializer[Any]):
    checkout_url = serializers.CharField(read_only=True)
    session_id = serializers.CharField(read_only=True)


class ChangeSerializer(serializers.Serializer[Any]):
    """Either another plan, or whether the subscription ends with its period."""

    plan_code = serializers.CharField(max_length=50, required=False)
    cancel_at_period_end = serializers.BooleanField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError("Send either plan_code or cancel_at_period_end.")
        return attrs


class SubscriptionSerializer(serializers.ModelSerializer[Subscription]):
    plan_code = serializers.CharField(source="terms.plan_code", read_only=True)
    allowance = NumberField(source="terms.credits", help_text="Credits per month.")
    current_period_end = UtcTimeField(source="period_end", allow_null=True)
    next_grant_at = UtcTimeField(allow_null=True, help_text="Null if the subscription ends before.")

    class Meta:
        model = Subscription
        fields = [
            "id", "plan_code", "status", "current_period_end", "cancel_at_period_end", "next_grant_at", "allowance",
        ]  # fmt: skip
        read_only_fields = fields


@extend_schema(tags=["Plans"])
class PlansView(APIView):
    @extend_schema(
        operation_id="list_plans",
        summary="List plans",
        responses={200: PlanSerializer(many=True), **problem_responses(*WHO)},
    )
    def get(self, request: Request) -> Response:
        return Response(PlanSerializer(plans_on_sale(), many=True).data)


@extend_schema(tags=["Plans"])
class SubscriptionsView(APIView):
    @extend_schema(
        operation_id="list_subscriptions",
        summary="List subscriptions",
        parameters=[TEAM],
        responses={200: SubscriptionSerializer(many=True), **problem_responses(400, *WHO, 404)},
    )
    def get(self, request: Request) -> Response:
        account = _own_account(request, request.query_params.get("team"))
        return Response(SubscriptionSerializer(subscriptions_of(account), many=True).data)

    @extend_schema(
        operation_id="subscribe",
        summary="Subscribe to a plan",
        description="Opens a checkout. Send the buyer to `checkout_url`; credits come with each paid invoice.",
        request=SubscribeSerializer,
        responses={
            201: StartedSubscriptionSerializer,
            **problem_responses(400, *WHO, 404, 409, 415, 502),
        },
    )
    def post(self, request: Request) -> Response:
        order = SubscribeSerializer(data=request.data)
        order.is_valid(raise_exception=True)
        account = _own_account(request, order.validated_data.get("team"))
        started = subscribe(_user(request), account, order.validated_data["plan_code"])
        return Response(StartedSubscriptionSerializer(started).data, status=201)


@extend_schema(tags=["Plans"])
class SubscriptionView(APIView):
    @extend_schema(
        operation_id="change_subscription",
        summary="Change or cancel a subscription",
        description="A dearer plan begins at once and is charged pro rata; a cheaper one with the next period.",
        parameters=[TEAM],
        request=ChangeSerializer,
        responses={200: SubscriptionSerializer, **problem_responses(400, *WHO, 402, 404, 409, 415, 502)},
    )
    def patch(self, request: Request, subscription_id: str) -> Response:
        change = ChangeSerializer(data=request.data)
        change.is_valid(raise_exception=True)
        named, account = as_uuid(subscription_id), _own_account(request, request.query_params.get("team"))
        if named is None:
            raise UnknownSubscription("No subscription has this id.")
        subscription, user = find_own_subscription(account, named), _user(request)
        if "plan_code" in change.validated_data:
            changed = change_plan(user, subscription, change.validated_data["plan_code"])
        else:
            changed = set_ending(user, subscription, ends=change.validated_data["cancel_at_period_end"])
        return Response(SubscriptionSerializer(changed).data)


def _user(request: Request) -> User:
    return cast(User, request.user)


def _own_account(request: Request, team_id: UUID | str | None) -> Account:
    """Return the user's account, or that of a team whose billing they manage."""
    user = _user(request)
    if not team_id:
        return ledger.open_account(user)
    named = serializers.UUIDField().run_validation(team_id)
    account = ledger.open_team_account(find_own(named, user).team)
    require_manager(user, account)
    return account
