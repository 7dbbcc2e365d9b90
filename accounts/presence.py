"""Keeps users from being erased while something new about them is written."""

from __future__ import annotations

from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from accounts.errors import UserErased
from accounts.models import User
from core.database.locks import require_transaction

# Shared, so that two who do something for one user don't wait for each other; an erasure waits for both.
KEEP_FROM_ERASURE = (
    "SELECT id FROM accounts_user WHERE id = ANY (%s) AND erased_at IS NULL ORDER BY id FOR KEY SHARE"
)


def keep_from_erasure(*user_ids: UUID) -> None:
    """Makes sure that these users are not erased, and are not until the transaction ends: for whatever writes something
    new about them. Before any other lock, as the erasure itself takes them.

    Raises:
        UserErased: one of them is, or is gone.
        RuntimeError: no transaction is open, so the lock would hold nothing.
    """
    require_transaction()
    wanted = set(user_ids)
    with connection.cursor() as cursor:
        cursor.execute(KEEP_FROM_ERASURE, [list(wanted)])
        if len(cursor.fetchall()) < len(wanted):
            raise UserErased(_("This account no longer exists."))


def lock_user(user_id: UUID) -> User:
    """The user, locked until the transaction ends: whoever holds them present is waited for.

    Raises:
        User.DoesNotExist: there is none.
        RuntimeError: no transaction is open.
    """
    require_transaction()
    return User.objects.select_for_update().get(pk=user_id)
