"""Suspend users: they can't sign in, by whatever means, until they are restored."""

from __future__ import annotations

from uuid import UUID

from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.errors import UserErased
from accounts.models import User
from accounts.presence import lock_user
from accounts.privacy.user_data import sessions_of


def suspend_user(user_id: UUID) -> None:
    """Refuse the user's sign-ins and tokens, and end their sessions, which restoring the user doesn't bring back.

    Raises:
        UserErased: the user was erased.
    """
    with transaction.atomic():
        user = _set_active(user_id, False)
        Session.objects.filter(pk__in=sessions_of(user)).delete()


def restore_user(user_id: UUID) -> None:
    """Let a suspended user sign in again.

    Raises:
        UserErased: the user was erased.
    """
    with transaction.atomic():
        _set_active(user_id, True)


def _set_active(user_id: UUID, is_active: bool) -> User:
    user = lock_user(user_id)
    if user.erased_at is not None:
        raise UserErased(_("This account no longer exists."))
    user.is_active = is_active
    user.save(update_fields=["is_active"])
    return user
