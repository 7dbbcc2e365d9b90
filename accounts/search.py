"""Find users by name."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.email_addresses import people_with
from accounts.models import User

MOST = 100


def users_named(word: str) -> list[UUID]:
    """Return the ids of up to 100 users with this username or email address, in any case, or this OpenID subject."""
    named = (
        User.objects.filter(username__normal_form=word)
        | people_with(word)
        | User.objects.filter(oidc_sub=word)
    )
    return list(named.values_list("pk", flat=True)[:MOST])


def users_whose_name_starts(text: str, most: int) -> list[UUID]:
    """Return the ids of up to ``most`` users whose username, first or last name starts with the text, in any case; or
    whose first and last names start with its first word and the rest.
    """
    first, _space, last = text.partition(" ")
    ways = [Q(username__starts_in_normal_form=text), Q(first_name__starts_in_normal_form=text)]
    ways.append(Q(last_name__starts_in_normal_form=text))
    if last:
        ways.append(Q(first_name__starts_in_normal_form=first, last_name__starts_in_normal_form=last.strip()))
    # Not an OR: each way reads its own index, and no further than wanted.
    found = [_ids(User.objects.filter(way), most) for way in ways]
    return list(dict.fromkeys(found[0].union(*found[1:], all=True)))[:most]


def _ids(users: QuerySet[User], most: int) -> QuerySet[User, UUID]:
    return users.order_by().values_list("pk", flat=True)[:most]
