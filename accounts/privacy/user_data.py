"""Erase a user's own row and sign-in data. The row itself is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.utils import timezone

from accounts.models import ProviderLogout, ProviderSession, User
from accounts.privacy.names import PREFIX, names_of, without_names
from accounts.privacy.registry import File, PersonalData
from core.csv_lines import utc_text
from core.database.row_batches import in_row_batches


def sessions_of(user: User) -> list[str]:
    """Return the keys of the user's sessions. Reads all sessions: only their content names the user."""
    found = []
    for batch in in_row_batches(Session.objects.all(), ["session_key"]):
        found += [row.pk for row in batch if row.get_decoded().get("_auth_user_id") == str(user.pk)]
    return found


def _end_sessions(user: User) -> None:
    """Delete the user's sessions: they hold the provider's ID token, which is personal data."""
    Session.objects.filter(pk__in=sessions_of(user)).delete()
    ProviderSession.objects.filter(user=user).delete()
    ProviderLogout.objects.filter(user=user).delete()


def _empty_row(user: User) -> None:
    user.username = f"{PREFIX}{user.pk}"
    user.email = user.first_name = user.last_name = user.provider_roles = ""
    user.time_zone = user.language = user.browser_language = ""
    user.oidc_sub = user.claims_issued_at = user.last_login = None
    user.is_active = user.is_staff = user.is_superuser = False
    user.erased_at = timezone.now()
    user.set_unusable_password()
    user.save()


def _erase_from_history(names: list[str], instead: str) -> None:
    """Remove the names from the admin's history. Reads all of it, as no index covers its text."""
    for row in LogEntry.objects.filter(_mentions(names)):
        row.object_repr = without_names(row.object_repr, names, instead)[:200]
        row.change_message = without_names(row.change_message, names, instead)
        row.save(update_fields=["object_repr", "change_message"])


def _mentions(names: list[str]) -> Q:
    any_of = Q(pk__in=[])
    for name in names:
        any_of |= Q(object_repr__icontains=name) | Q(change_message__icontains=name)
    return any_of


def _profile(user: User) -> Iterator[str]:
    """Yield the user's row as JSON, without the password hash."""
    held = {
        "id": str(user.pk),
        "username": user.username,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "openid_subject": user.oidc_sub,
        "time_zone": user.time_zone,
        "language": user.language,
        "browser_language": user.browser_language,
        "joined": utc_text(user.date_joined),
        "last_sign_in": utc_text(user.last_login),
        "claims_issued": utc_text(user.claims_issued_at),
        "provider_roles": user.provider_roles,
        "groups": sorted(user.groups.values_list("name", flat=True)),
        "permissions": sorted(user.user_permissions.values_list("codename", flat=True)),
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
    }
    yield json.dumps(held, indent=2, ensure_ascii=False) + "\n"


class UserData(PersonalData):
    """The personal data in the user's row, groups and sessions."""

    files = (
        File(
            "profile.json",
            "who you are here",
            ("accounts.User", "accounts.User_groups", "accounts.User_user_permissions"),
            _profile,
        ),
    )
    left_out = {
        "accounts.ProviderSession": "a session that is open now, and its id at the provider; goes with the session",
        "accounts.ProviderLogout": "that the provider ended a session; deleted minutes later",
    }

    def count(self, user: User) -> Mapping[str, int]:
        return {"sessions": len(sessions_of(user)), "groups": user.groups.count()}

    def erase(self, user: User) -> None:
        """Empty the locked user's row, end their sessions, and remove their names from the admin's history."""
        names = names_of(user)
        _end_sessions(user)
        user.groups.clear()
        user.user_permissions.clear()
        _empty_row(user)
        _erase_from_history(names, user.username)
