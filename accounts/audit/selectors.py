"""Reading the audit: by one index at a time, so that a page reads no more entries than it shows."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.audit.models import AuditEntry
from accounts.email_addresses import people_with
from accounts.models import User
from core.database.distinct import distinct_values
from core.uuids import as_uuid


def kinds_seen() -> list[str]:
    return distinct_values(AuditEntry, "kind")


def acts_seen() -> list[str]:
    return distinct_values(AuditEntry, "act")


def entries_named(entries: QuerySet[AuditEntry], word: str) -> QuerySet[AuditEntry]:
    """Those of a request or an address; else about the object with this id; else by the person, or about what has the
    name. The first of these that finds something: put as one condition, no index would serve them all.
    """
    if _is_address(word):
        return entries.filter(address=word)
    for found in (entries.filter(request_id=word), entries.filter(object_id=word)):
        if found.exists():
            return found
    people = people_named(word)
    return entries.filter(actor_id__in=people) if people else entries.filter(object_name=word)


def people_named(word: str) -> list[UUID]:
    """The ids of those with this username, e-mail address in any case, or id."""
    named = Q(username=word) | Q(pk__in=[pk for pk in [as_uuid(word)] if pk])
    people = list(User.objects.filter(named).values_list("pk", flat=True)[:2])
    return people or list(people_with(word).values_list("pk", flat=True)[:100])


def names_of(people: Iterable[Any]) -> dict[str, str]:
    """What the people with these ids are called now, by their ids as text. Who was erased is not in it."""
    ids = {pk for pk in (as_uuid(str(one)) for one in people) if pk}
    found = User.objects.filter(pk__in=ids).values_list("pk", "username") if ids else ()
    return {str(pk): name for pk, name in found}


def _is_address(word: str) -> bool:
    try:
        ip_address(word)
    except ValueError:
        return False
    return True
