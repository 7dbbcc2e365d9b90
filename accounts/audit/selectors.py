"""Read the audit through one index at a time, so that a page reads no more entries than it shows."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.audit.models import AuditEntry
from accounts.email_addresses import people_with
from accounts.models import User
from core.uuids import as_uuid


def entries_named(entries: QuerySet[AuditEntry], word: str) -> QuerySet[AuditEntry]:
    """Return the entries of this request or address; else about the object with this id; else by this user, or about
    an object of this name. The first that finds any wins: no index serves all of these conditions combined.
    """
    if _is_address(word):
        return entries.filter(address=word)
    for found in (entries.filter(request_id=word), entries.filter(object_id=word)):
        if found.exists():
            return found
    people = people_named(word)
    return entries.filter(actor_id__in=people) if people else entries.filter(object_name=word)


def people_named(word: str) -> list[UUID]:
    """Return the ids of the users with this username, email address (in any case) or id."""
    named = Q(username=word) | Q(pk__in=[pk for pk in [as_uuid(word)] if pk])
    people = list(User.objects.filter(named).values_list("pk", flat=True)[:2])
    return people or list(people_with(word).values_list("pk", flat=True)[:100])


def names_of(people: Iterable[Any]) -> dict[str, str]:
    """Return the current usernames by user id as text. Erased users are left out."""
    ids = {pk for pk in (as_uuid(str(one)) for one in people) if pk}
    found = User.objects.filter(pk__in=ids).values_list("pk", "username") if ids else ()
    return {str(pk): name for pk, name in found}


def _is_address(word: str) -> bool:
    try:
        ip_address(word)
    except ValueError:
        return False
    return True
