"""Keep users from being erased while something new about them is written."""

from __future__ import annotations

from uuid import UUID

from django.db import connection
from django.utils.translation import gettext as _

from accounts.errors import UserErased
from accounts.models import User
from core.database.locks import require_transaction

# A shared lock: two writes about a user don't wait for each other; an erasure waits for both.
KEEP_FROM_ERASURE = (
    "SELECT id FROM accounts_user WHERE id = ANY (%s) AND erased_at IS NULL ORDER BY id FOR KEY SHARE"
)


def keep_from_erasure(*user_ids: UUID) -> None:
    """Keep these users from being erased until the transaction ends. Call it before taking any other lock.

    Raises:
        UserErased: one of them is erased or deleted.
        RuntimeError: no transaction is open, so the lock would not last.
    """
    require_transaction()
    wanted = set(user_ids)
    with connection.cursor() as cursor:
        cursor.execute(KEEP_FROM_ERASURE, [list(wanted)])
        if len(cursor.fetchall()) < len(wanted):
            raise UserErased(_("This account no longer exists."))


def wait_for_erasure(user_id: UUID | None) -> None:
    """Take the same lock where it doesn't matter whether the user is still there, only that erasure isn't under way."""
    require_transaction()
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM accounts_user WHERE id = %s FOR KEY SHARE", [user_id])


def lock_user(user_id: UUID) -> User:
    """Return the user, locked until the transaction ends. Waits for `keep_from_erasure`.

    Raises:
        User.DoesNotExist: there is no such user.
        RuntimeError: no transaction is open.
    """
    require_transaction()
    return User.objects.select_for_update().get(pk=user_id)
