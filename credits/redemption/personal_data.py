"""Export what a user redeemed. Nothing is erased: it is ids, and the last four characters of a code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from accounts.privacy.registry import PersonalData, csv_file
from credits.redemption.models import CodeBatch, EscrowCode, Redemption


def _redemptions_of(user: User) -> QuerySet[Redemption]:
    return Redemption.objects.filter(user=user).select_related("code", "entry", "account")


def _gifts_of(user: User) -> QuerySet[EscrowCode]:
    return EscrowCode.objects.filter(redeemed_by=user).select_related("entry", "account")


class RedemptionData(PersonalData):
    files = (
        csv_file(
            "redemptions.csv",
            "codes that you redeemed, for yourself or for a team",
            ("redemption.Redemption",),
            {
                "redeemed": "redeemed_at",
                "code_ends_in": "code.last4",
                "credits": "entry.amount",
                "credits_expire": "credits_expire_at",
                "team": "account.team_id",
            },
            _redemptions_of,
            ("redeemed_at", "id"),
        ),
        csv_file(
            "gift-codes.csv",
            "packages bought as a gift that you redeemed, for yourself or for a team",
            ("redemption.EscrowCode",),
            {
                "redeemed": "redeemed_at",
                "code_ends_in": "last4",
                "credits": "entry.amount",
                "credits_expire": "credits_expire_at",
                "team": "account.team_id",
            },
            _gifts_of,
            ("redeemed_at", "id"),
        ),
    )
    left_out = {
        "redemption.CodeBatch": "staff's own work: acts.csv has the batches that a member of staff made"
    }

    def bound(self, user: User) -> Sequence[QuerySet[Any]]:
        return (_redemptions_of(user), _gifts_of(user), CodeBatch.objects.filter(created_by=user))
