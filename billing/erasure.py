"""Erases a person: removes who they were, and leaves the books whole.

All of it is one transaction: somebody is erased or isn't, whenever the process dies, and of two at once the second
finds it done. Locks are taken in the order that everything else takes them: user, inbox, purchases, teams, accounts.

What is left are a user's row that says nothing, and the purchases, accounts, entries, refunds and disputes that hang on
it. docs/personal-data.md has the table of what goes and what stays. Stripe holds its own copy: staff redact it there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce
from operator import or_
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from accounts import erasure as person
from accounts.audit.recording import record_act
from accounts.erasure import Obstacle
from accounts.errors import ErasureBlocked
from accounts.models import User
from accounts.teams import erasure as teams
from accounts.teams.models import MemberAllowance, Membership
from billing.buyer_traces import to_redact_at_stripe, traces_of
from billing.jobs import hide_late_copies_later
from billing.models import Dispute, Payment, Purchase, Receipt, Refund
from billing.receipts import forget_buyers
from billing.stripe_copies import count_stripe_copies, hide_stripe_copies
from credits import erasure as books
from credits import ledger
from credits.erasure import Left
from credits.formatting import credits_amount, plain
from credits.models import Account, Gift

SETTLED_DISPUTES = (
    Dispute.Status.WON,
    Dispute.Status.LOST,
    Dispute.Status.WARNING_CLOSED,
    Dispute.Status.PREVENTED,
)
REFUNDS_UNDER_WAY = (Refund.Status.REQUESTED, Refund.Status.PENDING, Refund.Status.REQUIRES_ACTION)


@dataclass(frozen=True)
class Plan:
    """What erasing somebody would do now. ``obstacles`` have to be settled first; ``rows`` says how many of what would
    be emptied or deleted; ``to_redact`` are Stripe's ids of what is to be redacted there.
    """

    user: User
    obstacles: list[Obstacle]
    left: Left
    rows: dict[str, int] = field(default_factory=dict)
    to_redact: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Erased:
    """What came of it. ``repeated``: they were erased before, and nothing was done now."""

    user_id: UUID
    forfeited: Decimal
    rows: dict[str, int]
    to_redact: list[str]
    repeated: bool = False


def must_be_erased(user: User) -> bool:
    """Whether something of the books or of a team is theirs, so that deleting them would leave it without its person.
    One query.
    """
    theirs = [
        Account.objects.filter(owner=OuterRef("pk")),
        Purchase.objects.filter(user=OuterRef("pk")),
        Gift.objects.filter(Q(sender=OuterRef("pk")) | Q(recipient=OuterRef("pk"))),
        Membership.objects.filter(user=OuterRef("pk")),
        MemberAllowance.objects.filter(user=OuterRef("pk")),
    ]
    has_any = reduce(or_, (Q(Exists(rows)) for rows in theirs))
    return User.objects.filter(has_any, pk=user.pk).exists()


def plan_erasure(user: User, *, forfeit: bool = False) -> Plan:
    """What would be in the way, and what would go. Changes nothing, and locks nothing: it is only said for now."""
    accounts = list(books.accounts_of(user, teams.teams_alone(user)))
    left = _left(accounts)
    obstacles = _obstacles(user, accounts, left, forfeit=forfeit)
    return Plan(user, obstacles, left, _rows_of(user), to_redact_at_stripe(user))


def erase_user(user_id: UUID, *, forfeit: bool = False) -> Erased:
    """Erases a person for good. ``forfeit``: what is left of paid credits is booked out; promotional ones always are.

    Raises:
        User.DoesNotExist: there is no such user.
        ErasureBlocked: something has to be settled first; nothing was changed.
    """
    with transaction.atomic(durable=True):
        user = person.lock_user(user_id)
        if user.erased_at is not None:
            return Erased(user_id, Decimal(0), {}, to_redact_at_stripe(user), repeated=True)
        copies = hide_stripe_copies(traces_of(user))
        accounts = _lock_books(user)
        _require_settled(user, accounts, forfeit=forfeit)
        forfeited = sum((ledger.close(account.pk) for account in accounts), Decimal(0))
        rows = {**_rows_of(user), **copies}
        _forget(user, accounts)
        record_act("erased", user, {"forfeited": plain(forfeited)})
        hide_late_copies_later(user_id)
    return Erased(user_id, forfeited, rows, to_redact_at_stripe(user))


def hide_late_copies(user_id: UUID) -> dict[str, int]:
    """Hides what came of an erased buyer while they were erased: an event or a copy that was being written then."""
    with transaction.atomic():
        return hide_stripe_copies(traces_of(User.objects.get(pk=user_id, erased_at__isnull=False)))


def _lock_books(user: User) -> list[Account]:
    purchases = Purchase.objects.filter(user=user).order_by("pk")
    list(purchases.select_for_update(of=("self",)).values_list("pk"))
    teams.lock_memberships(user)
    return books.lock_accounts(books.accounts_of(user, teams.teams_alone(user)))


def _require_settled(user: User, accounts: list[Account], *, forfeit: bool) -> None:
    obstacles = _obstacles(user, accounts, _left(accounts), forfeit=forfeit)
    if obstacles:
        message = " ".join(obstacle.message for obstacle in obstacles)
        raise ErasureBlocked(message, obstacles=[obstacle.code for obstacle in obstacles])


def _obstacles(user: User, accounts: list[Account], left: Left, *, forfeit: bool) -> list[Obstacle]:
    found = [*_money_under_way(user, accounts), *teams.obstacles_of(user)]
    for account in accounts:
        found += books.obstacles_of(account)
    if left.paid and not forfeit:
        told = _(
            "%(left)s paid credits are left: refund them, let them be given away, or erase with them forfeited."
        )
        found.append(Obstacle("credits_left", told % {"left": credits_amount(left.paid)}))
    return list(dict.fromkeys(found))


def _money_under_way(user: User, accounts: list[Account]) -> list[Obstacle]:
    purchases = Purchase.objects.filter(Q(user=user) | Q(account__in=accounts))
    found = []
    if purchases.filter(status__in=[Purchase.Status.PENDING, Purchase.Status.PROCESSING]).exists():
        told = _(
            "A purchase is open: wait until it is paid or has expired, an hour at most; a bank has days."
        )
        found.append(Obstacle("purchases_open", told))
    if purchases.exclude(attention="").exists():
        told = _("A purchase needs attention: money and purchase don’t agree. Settle it on its page first.")
        found.append(Obstacle("purchases_need_attention", told))
    if Refund.objects.filter(payment__purchase__in=purchases, status__in=REFUNDS_UNDER_WAY).exists():
        told = _("A refund is under way: wait until the money has arrived, or the refund has failed.")
        found.append(Obstacle("refunds_under_way", told))
    disputes = Dispute.objects.filter(payment__purchase__in=purchases)
    if disputes.exclude(status__in=SETTLED_DISPUTES).exists():
        told = _(
            "A dispute is open: answering it needs what is known about the buyer. Wait for the decision."
        )
        found.append(Obstacle("disputes_open", told))
    return found


def _left(accounts: list[Account]) -> Left:
    each = [books.credits_left(account) for account in accounts]
    return Left(
        sum((left.paid for left in each), Decimal(0)), sum((left.promotional for left in each), Decimal(0))
    )


def _forget(user: User, accounts: list[Account]) -> None:
    """Everything of our own that says who they were; their names are still there while it is looked for."""
    names = person.names_of(user)
    for refund in Refund.objects.filter(payment__purchase__user=user).exclude(note=""):
        note = person.without_names(refund.note, names, f"{person.PREFIX}{user.pk}")[:300]
        Refund.objects.filter(pk=refund.pk).update(note=note)
    # A client's key may be anything, an address too. Repeats of the erased don't come.
    Purchase.objects.filter(user=user).update(idempotency_key=None, checkout_url="")
    # What a card or account is known by. Which kind it was, and what was paid, stays.
    Payment.objects.filter(purchase__user=user).update(last4="", fingerprint="", bank="")
    forget_buyers(Receipt.objects.filter(purchase__user=user))
    teams.forget_teams(user)
    books.forget_words(user, accounts)
    person.forget_person(user)


def _rows_of(user: User) -> dict[str, int]:
    """How many rows are emptied or deleted, Stripe's copies apart."""
    gifts = Gift.objects.filter(Q(sender=user) | Q(recipient=user)).exclude(message="")
    rows = {
        "sessions": len(person.sessions_of(user)),
        "groups": user.groups.count(),
        "team memberships": user.memberships.count(),
        "team invitations": teams.invitations_to(user).count(),
        "gift messages": gifts.count(),
    }
    return {kind: number for kind, number in rows.items() if number}


def count_copies(user: User) -> dict[str, int]:
    """How many rows of Stripe's are copied here about them. Reads all copies."""
    return count_stripe_copies(traces_of(user))
