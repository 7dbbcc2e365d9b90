"""Remind buyers who agreed to it of a checkout that expired: once, at most once a week, and only of what they left.

A reminder is marked before it is sent, unlike other emails: a crash in between loses it, but none is ever sent twice.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts.errors import UserErased
from accounts.presence import keep_from_erasure
from billing.checkout.dismissal import DISMISSED
from billing.deferring import defer_checkout_reminder
from billing.purchases.models import Purchase
from billing.recovery.consents import are_offered, has_agreed
from billing.recovery.models import Reminder, ReminderConsent
from billing.recovery.offers import resume_offer
from core.database.locks import take_turns
from core.errors import DomainError
from credits.ledger.holders import sees_credits_of

log = structlog.get_logger(__name__)
# How long a job that was down still reminds of what expired meanwhile.
LATEST = timedelta(days=1)
BETWEEN_REMINDERS = timedelta(days=7)
State, Status = Reminder.State, Purchase.Status


def defer_due_reminders() -> int:
    """Defer a reminder of each checkout that expired lately, of buyers who had agreed by then. Not of a gift.

    Returns:
        How many were deferred.
    """
    if not are_offered():
        return 0
    lifetime: timedelta = settings.CHECKOUT_SESSION_LIFETIME
    consent = ReminderConsent.objects.filter(
        user=OuterRef("user"), withdrawn_at=None, agreed_at__lte=OuterRef("created_at") + lifetime
    )
    expired = Purchase.objects.filter(
        Exists(consent),
        status=Status.EXPIRED,
        created_at__gt=timezone.now() - lifetime - LATEST,
        stripe_session_id__isnull=False,
        reminder=None,
        gift=None,
    )
    deferred = 0
    for purchase_id in expired.order_by("-created_at").values_list("pk", flat=True):
        with transaction.atomic():
            reminder, is_new = Reminder.objects.get_or_create(purchase_id=purchase_id)
            if is_new:
                defer_checkout_reminder(reminder.pk)
                deferred += 1
    return deferred


def claim(reminder_id: UUID) -> Purchase | None:
    """Mark a waiting reminder as being sent, and return its purchase; None if it isn't to be sent."""
    with transaction.atomic(durable=True):
        purchase = Purchase.objects.select_related("user", "account__team").get(reminder=reminder_id)
        is_there = purchase.user_id is not None and _keep(purchase.user_id)
        take_turns(f"reminders:{purchase.user_id}")
        reminder = Reminder.objects.select_for_update(no_key=True).get(pk=reminder_id)
        if reminder.state != State.WAITING:
            if reminder.state == State.SENDING:
                log.warning(
                    "reminder_not_repeated", reminder=str(reminder_id)
                )  # sent or not: nobody noted it
            return None
        reason = _obstacle(purchase) if is_there else Reminder.Reason.BUYER_GONE
        reminder.state, reminder.reason = (State.SKIPPED, reason) if reason else (State.SENDING, "")
        reminder.save(update_fields=["state", "reason"])
    return None if reason else purchase


def mark_sent(reminder_id: UUID) -> None:
    Reminder.objects.filter(pk=reminder_id).update(state=State.SENT, sent_at=timezone.now())


def _keep(user_id: UUID) -> bool:
    try:
        keep_from_erasure(user_id)
    except UserErased:
        return False
    return True


def _obstacle(purchase: Purchase) -> Reminder.Reason | None:
    """Return why its buyer must not be reminded; None if they may."""
    return next((reason for reason, stands in _OBSTACLES if stands(purchase)), None)


def _is_gone(purchase: Purchase) -> bool:
    user = purchase.user
    return user is None or not user.is_active or not user.email


def _left_team(purchase: Purchase) -> bool:
    return purchase.user is None or not sees_credits_of(purchase.user, purchase.account)


def _was_bought(purchase: Purchase) -> bool:
    """Return whether the same was paid since, for the buyer or the account, or is in a checkout now."""
    others = Purchase.objects.filter(
        Q(user=purchase.user) | Q(account=purchase.account), package_code=purchase.package_code
    )
    is_open = Q(status__in=[Status.PENDING, Status.PROCESSING])
    return others.filter(is_open | Q(completed_at__gt=purchase.created_at)).exists()


def _was_reminded(purchase: Purchase) -> bool:
    lately = Reminder.objects.filter(
        state__in=[State.SENDING, State.SENT], created_at__gt=timezone.now() - BETWEEN_REMINDERS
    )
    return lately.filter(purchase__user=purchase.user).exists()


def _has_changed(purchase: Purchase) -> bool:
    assert purchase.user is not None  # noqa: S101 - asked before
    try:
        return not resume_offer(purchase.user, purchase).is_same
    except DomainError:
        return True


_OBSTACLES: list[tuple[Reminder.Reason, Callable[[Purchase], bool]]] = [
    (Reminder.Reason.OFF, lambda purchase: not are_offered()),
    (Reminder.Reason.BUYER_GONE, _is_gone),
    (Reminder.Reason.NO_CONSENT, lambda purchase: purchase.user is None or not has_agreed(purchase.user)),
    (Reminder.Reason.NOT_EXPIRED, lambda purchase: purchase.status != Status.EXPIRED),
    (Reminder.Reason.DISMISSED, lambda purchase: purchase.events.filter(what=DISMISSED).exists()),
    (Reminder.Reason.LEFT_TEAM, _left_team),
    (Reminder.Reason.BOUGHT, _was_bought),
    (Reminder.Reason.REMINDED, _was_reminded),
    (Reminder.Reason.CHANGED, _has_changed),
]
