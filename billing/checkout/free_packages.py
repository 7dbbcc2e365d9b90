"""Free packs: completed here without Stripe, and once per buyer unless the package says otherwise.

Once means once for each person and once for each team's account. Two unique indexes of purchases hold that against two
at the same moment; a pack that was taken before they were there counts too.
"""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.teams.models import Team
from billing.errors import AlreadyTaken
from billing.packages.models import Package
from billing.purchases.models import Purchase
from core.uuids import as_uuid


def taken_codes(user: User, team: Team | None) -> set[str]:
    """Give the codes of the free packs that the person, or the team, has taken."""
    return set(_taken(user, team).values_list("package_code", flat=True))


def require_not_taken(user: User, team: Team | None, package: Package) -> None:
    """Let nobody take a free pack again that can be taken once.

    Raises:
        AlreadyTaken: the person took it, for whichever account, or somebody did for the team.
    """
    if is_once(package) and _taken(user, team).filter(package_code=package.code).exists():
        raise AlreadyTaken(
            _("%(package)s can be claimed only once, and it already has been.") % {"package": package.name},
            package_code=package.code,
        )


def is_once(package: Package) -> bool:
    """Tell whether a buyer can have the package only once."""
    return not package.price_minor and not package.repeatable


def free_purchase(user: User, reference: str) -> Purchase | None:
    """Give the person's own purchase of this id that Stripe knows nothing of."""
    number = as_uuid(reference)
    found = Purchase.objects.filter(user=user, pk=number).first() if number else None
    return found if found and found.bypassed_stripe else None


def _taken(user: User, team: Team | None) -> QuerySet[Purchase]:
    whose = Q(user=user) | Q(account__team=team) if team else Q(user=user)
    return Purchase.objects.filter(whose, price_minor=0, completed_at__isnull=False)
