"""Takes out of a user's row, and of what hangs on signing in, whatever says who they were. The row itself stays.

`billing.erasure` decides whether somebody can be erased, and does all of it in one transaction. This is this room's
part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.errors import UserErased
from accounts.models import ProviderLogout, ProviderSession, User
from accounts.normal_form import normal_form
from config.row_batches import in_row_batches

PREFIX = "erased-"
# Shared, so that two who do something for one user don't wait for each other; an erasure waits for both.
HOLD_PRESENT = (
    "SELECT id FROM accounts_user WHERE id = ANY (%s) AND erased_at IS NULL ORDER BY id FOR KEY SHARE"
)


@dataclass(frozen=True)
class Obstacle:
    """What has to be settled before somebody can be erased: a stable code, and what to do about it."""

    code: str
    message: str


def hold_present(*user_ids: UUID) -> None:
    """Makes sure that these users are not erased, and are not until the transaction ends: for whatever writes something
    new about them. Before any other lock, as the erasure itself takes them.

    Raises:
        UserErased: one of them is, or is gone.
        RuntimeError: no transaction is open, so the lock would hold nothing.
    """
    _require_transaction()
    wanted = set(user_ids)
    with connection.cursor() as cursor:
        cursor.execute(HOLD_PRESENT, [list(wanted)])
        if len(cursor.fetchall()) < len(wanted):
            raise UserErased(_("This person’s account is not there any more."))


def lock_user(user_id: UUID) -> User:
    """The user, locked until the transaction ends: whoever holds them present is waited for.

    Raises:
        User.DoesNotExist: there is none.
        RuntimeError: no transaction is open.
    """
    _require_transaction()
    return User.objects.select_for_update().get(pk=user_id)


def names_of(user: User) -> list[str]:
    """What other people's texts may call them: the longest first, none so short that it is a part of ordinary words."""
    names = {user.email, user.username, user.get_full_name()}
    return sorted((name for name in names if len(name) > 2), key=len, reverse=True)


def without_names(text: str, names: Iterable[str], instead: str) -> str:
    """Put another word for each of these names, where it stands as a word of its own, in any case."""
    for name in names:
        word = rf"(?<![\w@.+-]){re.escape(name)}(?![\w@+-])"
        text = re.sub(word, partial(_instead_of, name, instead), text, flags=re.IGNORECASE)
    return text


def _instead_of(name: str, instead: str, found: re.Match[str]) -> str:
    """Leave what only IGNORECASE takes for the name: to it ſue@ is sue@, who is somebody else."""
    in_one_case = normal_form if "@" in name else str.lower
    return instead if in_one_case(found[0]) == in_one_case(name) else found[0]


def forget_person(user: User) -> None:
    """Empties the locked user's row, ends their sessions, and takes their names out of the admin's history."""
    names = names_of(user)
    _end_sessions(user)
    user.groups.clear()
    user.user_permissions.clear()
    _empty_row(user)
    _forget_in_history(names, user.username)


def sessions_of(user: User) -> list[str]:
    """The keys of the user's sessions. Reads every session there is: only inside of them stands whose they are."""
    found = []
    for batch in in_row_batches(Session.objects.all(), ["session_key"]):
        found += [row.pk for row in batch if row.get_decoded().get("_auth_user_id") == str(user.pk)]
    return found


def _require_transaction() -> None:
    if not connection.in_atomic_block:
        raise RuntimeError("A row lock needs an open transaction: without one it is released at once.")


def _end_sessions(user: User) -> None:
    """They hold the provider's id token, which says who somebody is."""
    Session.objects.filter(pk__in=sessions_of(user)).delete()
    ProviderSession.objects.filter(user=user).delete()
    ProviderLogout.objects.filter(user=user).delete()


def _empty_row(user: User) -> None:
    user.username = f"{PREFIX}{user.pk}"
    user.email = user.first_name = user.last_name = user.provider_roles = user.time_zone = ""
    user.oidc_sub = user.claims_issued_at = user.last_login = None
    user.is_active = user.is_staff = user.is_superuser = False
    user.erased_at = timezone.now()
    user.set_unusable_password()
    user.save()


def _forget_in_history(names: list[str], instead: str) -> None:
    """What the admin's history calls objects, and what staff wrote there. Reads all of it: it has no index by words."""
    for row in LogEntry.objects.filter(_mentions(names)):
        row.object_repr = without_names(row.object_repr, names, instead)[:200]
        row.change_message = without_names(row.change_message, names, instead)
        row.save(update_fields=["object_repr", "change_message"])


def _mentions(names: list[str]) -> Q:
    any_of = Q(pk__in=[])
    for name in names:
        any_of |= Q(object_repr__icontains=name) | Q(change_message__icontains=name)
    return any_of
