"""Finds people by e-mail address, by one form of it.

An address is not unique here: the provider's subject alone decides who somebody is, and a second person with an address
must still be able to sign in. An address that several people have stands for none of them.
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
    """Say how many people have an address, and the id of one of them."""

    count: int
    one: UUID


def email_key(address: str) -> str:
    """Give the form under which an address is stored in `User.email_key` and compared; spaces around it don't count."""
    return normal_form(address.strip())


def is_same_address(one: str, other: str) -> bool:
    """Tell whether two addresses are the same. No address is the same as nothing."""
    return bool(one.strip()) and email_key(one) == email_key(other)


def people_with(address: str) -> QuerySet[User]:
    """Find everybody who has this address; nobody has none."""
    key = email_key(address)
    return User.objects.filter(email_key=key) if key else User.objects.none()


def holders_of(addresses: Iterable[str]) -> dict[str, Holders]:
    """Find who has each of the addresses, by its `email_key`, in one query. What nobody has is left out."""
    keys = {email_key(address) for address in addresses} - {""}
    rows = User.objects.filter(email_key__in=keys).values_list("email_key").order_by()
    counted = rows.annotate(count=Count("pk"), one=Min(Cast("pk", CharField())))
    return {key: Holders(count, UUID(one)) for key, count, one in counted}
