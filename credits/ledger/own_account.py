"""Keep staff from acting on their own credits, and those of teams they are in.

`STAFF_MAY_SERVE_THEMSELVES` allows it, for a shop run by one person. Triggers on what staff did refuse it as well,
unless the transaction says that it is allowed.
"""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import User
from core.database.guards import SELF_SERVICE
from credits.errors import OwnAccount
from credits.ledger.models import Account


def is_own(account_id: UUID, member: User) -> bool:
    """Return whether the account is the member's own or that of a team of theirs."""
    return bool(own_among({account_id}, member))


def own_among(account_ids: set[UUID], member: User) -> set[UUID]:
    """Return those accounts that are the member's own or of a team of theirs, in one query."""
    theirs = Q(owner=member) | Q(team__memberships__user=member)
    return set(Account.objects.filter(theirs, pk__in=account_ids).values_list("pk", flat=True))


def may_act_on(account_id: UUID, member: User) -> bool:
    return settings.STAFF_MAY_SERVE_THEMSELVES or not is_own(account_id, member)


def require_not_own(account_id: UUID, member: User) -> None:
    """Check that staff may act on the account; call it in the transaction of what they do.

    Raises:
        OwnAccount: it is theirs or of a team of theirs, and the site doesn't let staff serve themselves.
    """
    if not is_own(account_id, member):
        return
    if not settings.STAFF_MAY_SERVE_THEMSELVES:
        raise OwnAccount(
            _("These credits are yours or your team’s. Ask another member of staff."),
            account=str(account_id),
        )
    allow_self_service()


def allow_self_service() -> None:
    """Tell the triggers that it is allowed, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, 'on', true)", [SELF_SERVICE])
