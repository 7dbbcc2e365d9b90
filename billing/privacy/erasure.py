"""Erase a user's personal data, and keep the financial records (docs/personal-data.md lists both).

It is one transaction, so that a user is erased or isn't, and the second of two concurrent calls finds it done. Locks
are taken in the usual order: user, inbox, purchases, teams, accounts. Staff redact Stripe's own copy there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from operator import or_
from uuid import UUID

from django.db import transaction
from django.db.models import Exists

from accounts.audit.recording import record_act
from accounts.errors import ErasureBlocked
from accounts.models import User
from accounts.presence import lock_user
from accounts.privacy.registry import Obstacle, PersonalData, registered
from billing.deferring import defer_late_redaction
from billing.privacy.stripe_copies import count_stripe_copies, hide_stripe_copies
from billing.purchases.buyer_traces import to_redact_at_stripe, traces_of
from credits.formatting import plain
from credits.privacy.credits_data import Left, close_accounts, credits_left


@dataclass(frozen=True)
class Plan:
    """The effect of erasing a user now: ``obstacles`` to resolve first, counts of ``rows`` to empty or delete, and
    the ids of objects ``to_redact`` at Stripe.
    """

    user: User
    obstacles: list[Obstacle]
    left: Left
    rows: dict[str, int] = field(default_factory=dict)
    to_redact: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Erased:
    """The outcome of an erasure. ``repeated``: the user was already erased, and nothing was done."""

    user_id: UUID
    forfeited: Decimal
    rows: dict[str, int]
    to_redact: list[str]
    repeated: bool = False


def must_be_erased(user: User) -> bool:
    """Return whether financial records or a team depend on the user, who must then be erased, not deleted."""
    bound = [Exists(rows) for part in registered() for rows in part.bound(user)]
    return User.objects.filter(reduce(or_, bound), pk=user.pk).exists()


def plan_erasure(user: User, *, forfeit: bool = False) -> Plan:
    """Return what would block an erasure and what it would delete, as of now: nothing is changed or locked."""
    return Plan(
        user, _obstacles(user, forfeit=forfeit), credits_left(user), _count(user), to_redact_at_stripe(user)
    )


def erase_user(user_id: UUID, *, forfeit: bool = False) -> Erased:
    """Erase a user permanently. Remaining promotional credits are forfeited, paid ones only with ``forfeit``.

    Raises:
        User.DoesNotExist: there is no such user.
        ErasureBlocked: something must be resolved first; nothing was changed.
    """
    with transaction.atomic(durable=True):
        user = lock_user(user_id)
        if user.erased_at is not None:
            return Erased(user_id, Decimal(0), {}, to_redact_at_stripe(user), repeated=True)
        copies = hide_stripe_copies(traces_of(user))
        for part in _in_lock_order():
            part.lock(user)
        _require_no_obstacle(user, forfeit=forfeit)
        forfeited = close_accounts(user)
        rows = {**_count(user), **copies}
        for part in reversed(registered()):
            part.erase(user)
        record_act("erased", user, {"forfeited": plain(forfeited)})
        defer_late_redaction(user_id)
    return Erased(user_id, forfeited, rows, to_redact_at_stripe(user))


def hide_late_copies(user_id: UUID) -> dict[str, int]:
    """Hide events and copies of an erased buyer that were being written during the erasure."""
    with transaction.atomic():
        return hide_stripe_copies(traces_of(User.objects.get(pk=user_id, erased_at__isnull=False)))


def count_copies(user: User) -> dict[str, int]:
    """Return how many rows here copy Stripe's data about the user, by kind. Reads all copies."""
    return count_stripe_copies(traces_of(user))


def _in_lock_order() -> list[PersonalData]:
    return sorted(registered(), key=lambda part: part.lock_rank)


def _require_no_obstacle(user: User, *, forfeit: bool) -> None:
    obstacles = _obstacles(user, forfeit=forfeit)
    if obstacles:
        message = " ".join(obstacle.message for obstacle in obstacles)
        raise ErasureBlocked(message, obstacles=[obstacle.code for obstacle in obstacles])


def _obstacles(user: User, *, forfeit: bool) -> list[Obstacle]:
    found = (part.obstacles(user, forfeit=forfeit) for part in _in_lock_order())
    return list(dict.fromkeys(obstacle for obstacles in found for obstacle in obstacles))


def _count(user: User) -> dict[str, int]:
    counted = (count for part in registered() for count in part.count(user).items())
    return {kind: number for kind, number in counted if number}
