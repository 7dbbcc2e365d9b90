"""Serve the estimate for customers: what a prompt would cost, and whether the balance covers it."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from core.amounts.api_fields import AmountField, WholeNumberField
from core.problems import problem_responses
from credits.rates.estimate import EXPECTED_OUTPUT_TOKENS, Estimate, estimate
from credits.rates.exact_json import ExactJSONRenderer, ExactNumberField
from credits.rates.models import Level, Unit

LONGEST_PROMPT = 100_000
LONGEST_MODEL = 151  # provider/model
# In JSON a character takes at most six bytes, or twelve beyond Unicode's first plane.
LARGEST_BODY = 12 * LONGEST_PROMPT + 10_000
MOST_TOKENS = 10_000_000
MOST_IMAGES = 10_000


class EstimateQuerySerializer(serializers.Serializer[Any]):
    prompt = serializers.CharField(max_length=LONGEST_PROMPT, trim_whitespace=False)
    model = serializers.CharField(max_length=LONGEST_MODEL, help_text="Model name on the rate card.")
    expected_output_tokens = WholeNumberField(
        min_value=0,
        max_value=MOST_TOKENS,
        required=False,
        help_text=f"Expected length of the answer; {EXPECTED_OUTPUT_TOKENS} by default.",
    )
    images = WholeNumberField(min_value=1, max_value=MOST_IMAGES, default=1)
    seconds = AmountField(
        max_digits=15,
        decimal_places=6,
        min_value=0,
        required=False,
        help_text="Required for models priced by the second.",
    )


class PriceLineSerializer(serializers.Serializer[Any]):
    """``price`` credits per ``per`` units; ``amount`` is before markup."""

    unit = serializers.ChoiceField(choices=Unit.choices, read_only=True)
    quantity = ExactNumberField()
    price = ExactNumberField()
    per = serializers.IntegerField(read_only=True)
    amount = ExactNumberField()


class MarkupSerializer(serializers.Serializer[Any]):
    percent = ExactNumberField(source="markup_percent")
    level = serializers.ChoiceField(choices=Level.choices, source="markup_level", read_only=True)


class PriceSerializer(serializers.Serializer[Any]):
    lines = PriceLineSerializer(many=True, read_only=True)
    markup = MarkupSerializer(source="*", read_only=True)
    effective_from = serializers.SerializerMethodField(help_text="When this price took effect.")

    def get_effective_from(self, price: Any) -> str:
        return str(price.as_metadata()["effective_from"])


class TokensSerializer(serializers.Serializer[Any]):
    input = serializers.IntegerField(source="tokens.count", read_only=True)
    method = serializers.CharField(
        source="tokens.method",
        read_only=True,
        help_text="Counting method: tiktoken:… or rule_of_thumb.",
    )
    expected_output = serializers.IntegerField(
        source="output_tokens",
        read_only=True,
        allow_null=True,
        help_text="Null if output isn't priced.",
    )


class EstimateSerializer(serializers.Serializer[Any]):
    """Credits are exact JSON numbers with up to six decimals; parse them as decimals to keep every digit."""

    estimated_credits = ExactNumberField(source="price.amount")
    affordable = serializers.BooleanField(source="is_affordable", read_only=True)
    balance = ExactNumberField(source="balance.balance")
    available = ExactNumberField(source="balance.available", help_text="Credits available to spend.")
    missing = ExactNumberField(help_text="How many more credits are needed; 0 if none.")
    model = serializers.CharField(source="price.model", read_only=True)
    provider = serializers.CharField(source="price.provider", read_only=True)
    tokens = TokensSerializer(source="*", read_only=True)
    price = PriceSerializer(read_only=True)
    buy_url = serializers.SerializerMethodField(help_text="Where to buy credits.")

    def get_buy_url(self, estimated: Any) -> str:
        return f"{settings.SITE_URL}{reverse('credits')}"


def estimate_from(user: User, query: EstimateQuerySerializer) -> Estimate:
    """Return the estimate that a request asks for.

    Raises:
        rest_framework.exceptions.ValidationError: a field of the request is wrong.
        DomainError: as `estimate`.
    """
    query.is_valid(raise_exception=True)
    return estimate(user, **query.validated_data)


@extend_schema(tags=["Buying credits"])
class EstimateView(APIView):
    renderer_classes = [ExactJSONRenderer]

    @extend_schema(
        operation_id="estimate_credits",
        summary="Estimate a prompt",
        description="Estimates the cost of a prompt; nothing is charged or held. For long prompts, POST the same "
        "fields as JSON.",
        parameters=[EstimateQuerySerializer],
        responses={200: EstimateSerializer, **problem_responses(400, 401, 403, 404, 429, 503)},
    )
    def get(self, request: Request) -> Response:
        return self._answer(request, request.query_params)

    @extend_schema(
        operation_id="estimate_credits_of_long_prompt",
        summary="Estimate a long prompt",
        request=EstimateQuerySerializer,
        responses={200: EstimateSerializer, **problem_responses(400, 401, 403, 404, 415, 429, 503)},
    )
    def post(self, request: Request) -> Response:
        if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST_BODY:
            too_long = f"Ensure this field has no more than {LONGEST_PROMPT} characters."
            raise serializers.ValidationError({"prompt": [too_long]}, code="max_length")
        return self._answer(request, request.data)

    def _answer(self, request: Request, asked: Any) -> Response:
        found = estimate_from(cast(User, request.user), EstimateQuerySerializer(data=asked))
        return Response(EstimateSerializer(found).data)
