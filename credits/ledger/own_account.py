"""Nobody on the staff acts on credits of their own: those of their account, and of a team that they are in.

`STAFF_MAY_SERVE_THEMSELVES` lets them, for a shop of one person. The database refuses it as well, by triggers on what
staff did, unless the transaction says that it is allowed.
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
    """Whether the credits are theirs, alone or with others."""
    theirs = Q(owner=member) | Q(team__memberships__user=member)
    return Account.objects.filter(theirs, pk=account_id).exists()


def may_act_on(account_id: UUID, member: User) -> bool:
    return settings.STAFF_MAY_SERVE_THEMSELVES or not is_own(account_id, member)


def require_not_own(account_id: UUID, member: User) -> None:
    """In the transaction of what the member of staff does.

    Raises:
        OwnAccount: the credits are theirs or of a team of theirs, and the site doesn't let staff serve themselves.
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
    """Tells the triggers, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, 'on', true)", [SELF_SERVICE])
