"""Keep users' consent to reminders of unfinished checkouts, which are advertising: nobody gets one without."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.presence import keep_from_erasure
from billing.recovery.models import ReminderConsent


def are_offered() -> bool:
    """Return whether this site sends reminders."""
    offered: bool = settings.CHECKOUT_REMINDERS
    return offered


def reminder_wording() -> str:
    """Return the words beside the button that agrees."""
    return _(
        "If I leave a checkout unfinished, email me once with a link to continue. I can stop these emails at any time."
    )


def has_agreed(user: User) -> bool:
    return ReminderConsent.objects.filter(user=user, withdrawn_at=None).exists()


def agree(user: User) -> None:
    """Record the user's consent, with its wording; safe to repeat. Raises `UserErased`."""
    with transaction.atomic():
        keep_from_erasure(user.pk)
        ReminderConsent.objects.get_or_create(
            user=user, withdrawn_at=None, defaults={"wording": reminder_wording()}
        )


def withdraw(user: User, how: ReminderConsent.Withdrawn) -> None:
    """Withdraw the user's consent; safe to repeat."""
    ReminderConsent.objects.filter(user=user, withdrawn_at=None).update(
        withdrawn_at=timezone.now(), withdrawn_by=how
    )
