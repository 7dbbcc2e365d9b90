"""Serve a user's own referral link."""

from __future__ import annotations

from typing import cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from billing.referrals.referrers import ReferralStanding, referral_standing
from core.problems import problem_responses


class ReferralSerializer(serializers.Serializer[ReferralStanding]):
    link = serializers.URLField(
        read_only=True, help_text="To share: whoever signs up through it is referred."
    )
    code = serializers.CharField(read_only=True)
    rewarded = serializers.IntegerField(read_only=True, help_text="How many referrals were rewarded.")
    pending = serializers.IntegerField(
        read_only=True, help_text="How many referred users have paid, and whose reward isn't due yet."
    )


@extend_schema(tags=["Buying credits"])
class ReferralView(APIView):
    @extend_schema(
        operation_id="read_referral",
        summary="Get referral link",
        description="404 `referrals_off` if there are no rewards for referrals.",
        responses={200: ReferralSerializer, **problem_responses(401, 403, 404, 429, 503)},
    )
    def get(self, request: Request) -> Response:
        return Response(ReferralSerializer(referral_standing(cast(User, request.user))).data)
