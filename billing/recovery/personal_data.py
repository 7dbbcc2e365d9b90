"""Export and erase who agreed to reminders, and which were sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from accounts.privacy.registry import PersonalData, csv_file
from billing.recovery.consents import withdraw
from billing.recovery.models import Reminder, ReminderConsent


def _consents(user: User) -> QuerySet[ReminderConsent]:
    return ReminderConsent.objects.filter(user=user)


def _reminders(user: User) -> QuerySet[Reminder]:
    return Reminder.objects.filter(purchase__user=user)


class RemindersData(PersonalData):
    files = (
        csv_file(
            "reminder-consents.csv",
            "whether you agreed to reminders of unfinished checkouts, in which words and when",
            ("recovery.ReminderConsent",),
            {
                "wording": "wording",
                "agreed": "agreed_at",
                "withdrawn": "withdrawn_at",
                "withdrawn_by": "withdrawn_by",
            },
            _consents,
        ),
        csv_file(
            "reminders.csv",
            "the reminders of unfinished checkouts, sent or not",
            ("recovery.Reminder",),
            {"purchase": "purchase_id", "state": "state", "reason": "reason", "sent": "sent_at"},
            _reminders,
        ),
    )

    def bound(self, user: User) -> Sequence[QuerySet[Any]]:
        return (_consents(user),)

    def erase(self, user: User) -> None:
        """Withdraw the consent, and keep it: its wording names nobody."""
        withdraw(user, ReminderConsent.Withdrawn.ERASURE)
