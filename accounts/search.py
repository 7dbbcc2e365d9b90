"""Find users by name."""

from __future__ import annotations

from uuid import UUID

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
