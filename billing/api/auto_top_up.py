"""Serve automatic top-up to the account's owner, or a team's owner and admins."""

from __future__ import annotations

from typing import Any, cast

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from accounts.teams.models import Team
from billing.api.fields import UtcTimeField
from billing.auto_top_up.models import Attempt
from billing.auto_top_up.setting import Standing, Wish, standing_of, turn_off, turn_on
from billing.customers.permissions import find_managed_team
from billing.money import Money
from core.amounts.api_fields import AmountField
from core.problems import problem_responses
from credits.amounts import MAX_DIGITS, PLACES
from credits.formatting import plain
from credits.ledger import operations as ledger
from credits.ledger.holders import account_of

WHO = (401, 403, 429, 503)
STATES = ("off", "on", "charging", "waiting", "needs_confirmation", "suspended")
TEAM = "A team whose owner or admin you are, instead of your own account."


class TopUpQuerySerializer(serializers.Serializer[Any]):
    team = serializers.UUIDField(required=False, help_text=TEAM)


class AutoTopUpOrderSerializer(serializers.Serializer[Any]):
    """How automatic top-up is to be. To turn it off, ``enabled`` is enough."""

    enabled = serializers.BooleanField()
    threshold = AmountField(
        max_digits=MAX_DIGITS, decimal_places=PLACES, required=False,
        help_text="Top up when fewer credits than this are available.",
    )  # fmt: skip
    package_code = serializers.CharField(
        max_length=50, required=False, default="", help_text="What to buy: a package, or a custom `amount`."
    )
    amount = AmountField(
        max_digits=20, decimal_places=3, required=False, help_text="In the main unit of `currency`."
    )
    currency = serializers.CharField(max_length=3, required=False, default="")
    monthly_limit = AmountField(
        max_digits=20, decimal_places=3, required=False,
        help_text="The most to charge in a calendar month, in the currency's main unit.",
    )  # fmt: skip
    consent = serializers.BooleanField(
        required=False,
        default=False,
        help_text="The owner's consent that the default card is charged without asking each time.",
    )
    team = serializers.UUIDField(required=False, help_text=TEAM)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Require what turning it on needs, and one thing to buy."""
        if attrs["enabled"]:
            missing = {name: ["Required."] for name in ("threshold", "monthly_limit") if name not in attrs}
            if bool(attrs["package_code"]) == ("amount" in attrs):
                missing["package_code"] = ["Send either this or an amount."]
            if missing:
                raise serializers.ValidationError(missing)
        return attrs


class LastAttemptSerializer(serializers.Serializer[Attempt]):
    at = UtcTimeField(source="created_at")
    status = serializers.ChoiceField(source="outcome", choices=Attempt.Outcome.values, read_only=True)
    failure_code = serializers.SerializerMethodField(help_text="Stripe's code, if it failed.")

    def get_failure_code(self, attempt: Attempt) -> str | None:
        return attempt.purchase.failure_code or None


class AutoTopUpSerializer(serializers.Serializer[Standing]):
    """How automatic top-up stands. ``waiting``: until a declined card is tried again, or for the next month."""

    enabled = serializers.SerializerMethodField()
    state = serializers.ChoiceField(choices=STATES, read_only=True)
    reason = serializers.CharField(
        source="row.reason",
        read_only=True,
        default="",
        help_text="Why it is off, suspended or waits for its owner.",
    )
    threshold = serializers.SerializerMethodField()
    package_code = serializers.CharField(source="row.package_code", read_only=True, default="")
    amount = serializers.SerializerMethodField()
    currency = serializers.CharField(source="row.currency", read_only=True, default="")
    monthly_limit = serializers.SerializerMethodField()
    charged_this_month = serializers.SerializerMethodField(
        help_text="Pending charges included; refunds not deducted."
    )
    last_attempt = LastAttemptSerializer(read_only=True, allow_null=True)

    def get_enabled(self, standing: Standing) -> bool:
        return standing.state != "off"

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_threshold(self, standing: Standing) -> str | None:
        return plain(standing.row.threshold) if standing.row else None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_amount(self, standing: Standing) -> str | None:
        row = standing.row
        return str(Money(row.custom_minor, row.currency).major) if row and row.custom_minor else None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_monthly_limit(self, standing: Standing) -> str | None:
        return str(standing.row.monthly_limit.major) if standing.row else None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_charged_this_month(self, standing: Standing) -> str | None:
        return str(standing.charged.major) if standing.charged else None


@extend_schema(tags=["Buying credits"])
class AutoTopUpView(APIView):
    @extend_schema(
        operation_id="read_auto_top_up",
        summary="Get automatic top-up",
        parameters=[TopUpQuerySerializer],
        responses={200: AutoTopUpSerializer, **problem_responses(400, *WHO, 404)},
    )
    def get(self, request: Request) -> Response:
        query = TopUpQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        user = cast(User, request.user)
        return self._standing(user, _team(user, query.validated_data))

    @extend_schema(
        operation_id="set_auto_top_up",
        summary="Set automatic top-up",
        description="Turns it on, changes it or turns it off. Each time it is turned on or changed needs consent.",
        request=AutoTopUpOrderSerializer,
        responses={200: AutoTopUpSerializer, **problem_responses(400, *WHO, 404, 409, 415)},
    )
    def put(self, request: Request) -> Response:
        order = AutoTopUpOrderSerializer(data=request.data)
        order.is_valid(raise_exception=True)
        sent, user = order.validated_data, cast(User, request.user)
        team = _team(user, sent)
        account = ledger.open_team_account(team) if team else ledger.open_account(user)
        if sent["enabled"]:
            wish = {name: sent[name] for name in ("threshold", "monthly_limit", "package_code", "currency")}
            turn_on(user, account, Wish(**wish, amount=sent.get("amount"), consents=sent["consent"]))
        else:
            turn_off(user, account)
        return self._standing(user, team)

    def _standing(self, user: User, team: Team | None) -> Response:
        return Response(AutoTopUpSerializer(standing_of(account_of(user, team).first())).data)


def _team(user: User, sent: dict[str, Any]) -> Team | None:
    return find_managed_team(sent["team"], user) if sent.get("team") else None
