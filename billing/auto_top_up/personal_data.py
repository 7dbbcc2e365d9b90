"""Export and end the automatic top-ups of an erased user."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.models import User
from accounts.privacy.registry import PersonalData, csv_file
from billing.auto_top_up.models import Attempt, AutoTopUp
from credits.privacy.credits_data import accounts_of


def _top_ups(user: User) -> QuerySet[AutoTopUp]:
    return AutoTopUp.objects.filter(account__in=accounts_of(user))


def _attempts(user: User) -> QuerySet[Attempt]:
    return Attempt.objects.filter(purchase__user=user).select_related("purchase")


class AutoTopUpData(PersonalData):
    files = (
        csv_file(
            "automatic-top-up.csv",
            "how you set automatic top-up",
            ("auto_top_up.AutoTopUp",),
            {
                "state": "state",
                "reason": "reason",
                "threshold": "threshold",
                "package": "package_code",
                "monthly_limit": "monthly_limit",
                "since": "created_at",
            },
            _top_ups,
        ),
        csv_file(
            "automatic-top-up-attempts.csv",
            "each automatic charge",
            ("auto_top_up.Attempt",),
            {
                "purchase": "purchase_id",
                "time": "created_at",
                "outcome": "outcome",
                "failure": "purchase.failure_code",
            },
            _attempts,
            ("created_at", "pk"),
        ),
    )

    left_out = {
        "auto_top_up.Pause": "names the member of staff who paused all, by their id; about nobody else"
    }

    def erase(self, user: User) -> None:
        _top_ups(user).exclude(state=AutoTopUp.State.OFF).update(
            state=AutoTopUp.State.OFF, reason=AutoTopUp.Reason.ERASED, retry_at=None, asked_at=None
        )
