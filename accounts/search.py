"""Finds people by what they are called."""

from __future__ import annotations

from uuid import UUID

from accounts.email_addresses import people_with
from accounts.models import User

MOST = 100


def users_named(word: str) -> list[UUID]:
    """Find the ids of those whose username or e-mail address is this whole word, in any case, or whose OpenID subject
    it is: a hundred at most.
    """
    named = (
        User.objects.filter(username__normal_form=word)
        | people_with(word)
        | User.objects.filter(oidc_sub=word)
    )
    return list(named.values_list("pk", flat=True)[:MOST])
