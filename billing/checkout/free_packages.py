"""Limit free packages, unless repeatable, to one per user and one per team account. They complete without Stripe.

Two unique indexes on purchases stop concurrent claims; claims from before the indexes count too.
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
    """Return the codes of the free packages that the user, or the team, has claimed."""
    return set(_taken(user, team).values_list("package_code", flat=True))


def require_not_taken(user: User, team: Team | None, package: Package | None) -> None:
    """Refuse a second claim of a once-per-buyer free package. A custom amount, which has no package, is never free.

    Raises:
        AlreadyTaken: the user claimed it for any account, or any member for the team.
    """
    if package and is_once(package) and _taken(user, team).filter(package_code=package.code).exists():
        raise AlreadyTaken(
            _("%(package)s can be claimed only once, and it already has been.") % {"package": package.name},
            package_code=package.code,
        )


def is_once(package: Package) -> bool:
    """Return whether a buyer can claim the package only once."""
    return not package.price_minor and not package.repeatable


def free_purchase(user: User, reference: str) -> Purchase | None:
    """Return the user's own purchase with this id if it completed without Stripe."""
    number = as_uuid(reference)
    found = Purchase.objects.filter(user=user, pk=number).first() if number else None
    return found if found and found.bypassed_stripe else None


def _taken(user: User, team: Team | None) -> QuerySet[Purchase]:
    whose = Q(user=user) | Q(account__team=team) if team else Q(user=user)
    return Purchase.objects.filter(whose, price_minor=0, completed_at__isnull=False)
