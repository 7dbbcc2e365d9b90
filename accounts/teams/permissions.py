"""Define what each role may do in a team.

======================  =====  =====  ======
may                     owner  admin  member
======================  =====  =====  ======
spend, see the members  yes    yes    yes
see purchases           yes    yes    yes
see others' receipts    yes    yes    no
use the team's cards    yes    yes    no
leave                   no     yes    yes
rename                  yes    yes    no
invite, cap, remove     all    members  no
make admins, transfer   yes    no     no
======================  =====  =====  ======
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.teams.errors import RoleForbids
from accounts.teams.models import Membership, Role

MANAGERS = (Role.OWNER, Role.ADMIN)
RANKS = {Role.MEMBER: 0, Role.ADMIN: 1, Role.OWNER: 2}


def outranks(actor: Membership, role: str) -> bool:
    """Return whether the actor's role is above ``role``: admins manage members, the owner everyone else."""
    return RANKS[Role(actor.role)] > RANKS[Role(role)]


def may_manage(actor: Membership) -> bool:
    """Return whether the actor may manage any member."""
    return outranks(actor, Role.MEMBER)


def require_outranks(actor: Membership, role: str) -> None:
    """Require a role above ``role``. Raises `RoleForbids`."""
    if not may_manage(actor):
        raise RoleForbids(_("Only the team’s owner and admins can do this."))
    if not outranks(actor, role):
        raise RoleForbids(_("Only the team’s owner can do this."))


def require_manager(actor: Membership) -> None:
    """Require an admin or the owner. Raises `RoleForbids`."""
    require_outranks(actor, Role.MEMBER)


def require_owner(actor: Membership) -> None:
    """Require the owner. Raises `RoleForbids`."""
    require_outranks(actor, Role.ADMIN)
