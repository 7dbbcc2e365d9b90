"""Find users by email address, in a normal form.

Addresses are not unique here: only the provider's subject identifies a user, and a second user with the same address
must still be able to sign in. An address that several users share identifies none of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import CharField, Count, Min, QuerySet
from django.db.models.functions import Cast

from accounts.models import User
from accounts.normal_form import normal_form


@dataclass(frozen=True)
class Holders:
    """The number of users who have an address, and the id of one of them."""

    count: int
    one: UUID


def email_key(address: str) -> str:
    """Return the form in which `User.email_key` stores and compares an address, without surrounding spaces."""
    return normal_form(address.strip())


def is_same_address(one: str, other: str) -> bool:
    """Return whether two addresses are the same. An empty address equals nothing."""
    return bool(one.strip()) and email_key(one) == email_key(other)


def people_with(address: str) -> QuerySet[User]:
    """Return all users with this address; none for an empty one."""
    key = email_key(address)
    return User.objects.filter(email_key=key) if key else User.objects.none()


def holders_of(addresses: Iterable[str]) -> dict[str, Holders]:
    """Return who has each address, by its `email_key`, in one query. Unused addresses are left out."""
    keys = {email_key(address) for address in addresses} - {""}
    rows = User.objects.filter(email_key__in=keys).values_list("email_key").order_by()
    counted = rows.annotate(count=Count("pk"), one=Min(Cast("pk", CharField())))
    return {key: Holders(count, UUID(one)) for key, count, one in counted}
