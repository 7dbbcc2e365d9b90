"""Adjust balances on behalf of staff: with a reason, once per key, and above the limit only with a second person."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from core.storable_text import is_storable
from credits.adjustments.limits import needs_second_person
from credits.adjustments.models import LONGEST_REASON, Adjustment
from credits.amounts import positive_amount
from credits.errors import (
    AdjustmentDecided,
    InvalidAdjustment,
    InvalidAmount,
    SecondPersonNeeded,
    UnknownAdjustment,
)
from credits.ledger import operations as ledger
from credits.ledger import refusals
from credits.ledger.arguments import checked_text
from credits.ledger.models import Account, Entry
from credits.ledger.own_account import require_not_own

REFERENCE = "adjustment:"
# A hundred years; an expiry past the year 9999 could not be read back.
LONGEST_VALIDITY = timedelta(days=36500)
Status = Adjustment.Status


@dataclass(frozen=True)
class Terms:
    """The terms of an adjustment. A positive ``amount`` adds credits, which can expire or be promotional; a negative
    one removes them. The account holder sees ``reason``; ``reference`` is the requester's. ``key`` makes the request
    idempotent. ``undoes_id`` names the adjustment that this one undoes, if any.
    """

    amount: Decimal
    reason: str
    key: str
    reference: str = ""
    promotional: bool = False
    expires_at: datetime | None = None
    undoes_id: UUID | None = None


@dataclass(frozen=True)
class Asked:
    """An adjustment as stored. ``repeated``: it existed already and this call changed nothing."""

    adjustment: Adjustment
    repeated: bool


def checked(terms: Terms) -> Terms:
    """Return the terms as stored: six decimal places, text trimmed.

    Raises:
        InvalidAmount: see `positive_amount`.
        InvalidEntry: the key or reference can't be stored.
        InvalidAdjustment: the reason is missing or can't be stored, or a removal has an expiry or is promotional.
    """
    if terms.amount.is_zero():
        raise InvalidAmount("Enter an amount other than zero.", field="amount", amount=str(terms.amount))
    size = positive_amount(terms.amount.copy_abs())
    if terms.amount < 0 and (terms.promotional or terms.expires_at is not None):
        field = "expires_at" if terms.expires_at is not None else "promotional"
        raise InvalidAdjustment(_("Only added credits can expire or be promotional."), field=field)
    return replace(
        terms,
        amount=size.copy_sign(terms.amount),
        reason=_checked_reason(terms.reason),
        key=checked_text("key", terms.key.strip(), required=True),
        reference=checked_text("reference", terms.reference.strip()),
    )


def is_above_limit(amount: Decimal) -> bool:
    """Return whether the amount alone needs a second person; for scripts, which have no daily allowance."""
    limit: Decimal = settings.ADJUSTMENT_APPROVAL_ABOVE
    return abs(amount) > limit


def ask(account_id: UUID, terms: Terms, asked_by: User) -> Asked:
    """Request an adjustment for a member of staff, once per key; above their limit it waits for a second person.

    Raises:
        InvalidAmount, InvalidEntry, InvalidAdjustment: as `checked`; also if the expiry has passed.
        UnknownAccount: there is no such account.
        OwnAccount: the account belongs to ``asked_by`` or to a team of theirs.
        InsufficientCredits: more would be removed now than is available. Nothing was removed.
        AccountClosed: credits can't be added to a closed account.
        KeyConflict: the key was used with other terms or another account.
    """
    terms = checked(terms)
    with transaction.atomic():
        require_not_own(account_id, asked_by)
        needs_approval = needs_second_person(asked_by, terms.amount)
        return _record(account_id, terms, asked_by, needs_approval=needs_approval)


def book(account_id: UUID, terms: Terms) -> Asked:
    """Book an adjustment for a script, once per key and without a limit: its user has the database anyway.

    Raises:
        Whatever `ask` raises. KeyConflict also if the key's adjustment is waiting or was declined.
    """
    asked = _record(account_id, checked(terms), None, needs_approval=False)
    if asked.adjustment.status != Status.BOOKED:
        raise refusals.conflict(account_id, terms.key)
    return asked


def approve(adjustment_id: UUID, by: User) -> Adjustment:
    """Book a waiting adjustment. Of concurrent calls one succeeds; the others raise AdjustmentDecided.

    Raises:
        UnknownAdjustment: there is none with this id.
        AdjustmentDecided: it was booked or declined before.
        SecondPersonNeeded: ``by`` requested it.
        OwnAccount: the account belongs to ``by`` or to a team of theirs.
        InvalidAdjustment: its credits would have expired by now. It still waits.
        InsufficientCredits: too few credits are available by now. It still waits.
        NothingToUndo: it undoes another, and the amount to undo has changed. It still waits.
        AccountClosed: the account was closed meanwhile. It still waits.
    """
    with transaction.atomic():
        adjustment = _waiting(adjustment_id)
        if adjustment.asked_by_id == by.pk:
            raise SecondPersonNeeded(
                _("You requested this adjustment; someone else has to approve it."),
                adjustment=str(adjustment_id),
            )
        require_not_own(adjustment.account_id, by)
        _book(adjustment, by)
    return adjustment


def decline(adjustment_id: UUID, by: User) -> Adjustment:
    """Decline a waiting adjustment; its requester may, too.

    Raises:
        UnknownAdjustment, AdjustmentDecided: as `approve`.
    """
    with transaction.atomic():
        adjustment = _waiting(adjustment_id)
        _decide(adjustment, Status.DECLINED, by)
    return adjustment


def same_terms(adjustment: Adjustment, account_id: UUID | None, terms: Terms) -> bool:
    """Return whether the adjustment has this account and these terms."""
    return adjustment.account_id == account_id and all(
        getattr(adjustment, name) == value for name, value in asdict(terms).items()
    )


def require_time_left(expires_at: datetime | None) -> None:
    """Raise InvalidAdjustment if the expiry has passed or is more than a hundred years away."""
    if expires_at is None:
        return
    now = timezone.now()
    if expires_at <= now:
        raise InvalidAdjustment(_("The expiry date must be in the future."), field="expires_at")
    if expires_at > now + LONGEST_VALIDITY:
        raise InvalidAdjustment(_("The expiry date must be within 100 years."), field="expires_at")


def _checked_reason(reason: str) -> str:
    text = " ".join(reason.split())
    if not text:
        raise InvalidAdjustment(_("Enter a reason; the account holder will see it."), field="reason")
    if len(text) > LONGEST_REASON:
        raise InvalidAdjustment(
            _("A reason can have at most %(most)s characters.") % {"most": LONGEST_REASON}, field="reason"
        )
    if not is_storable(text):
        raise InvalidAdjustment(_("The reason contains characters that can’t be stored."), field="reason")
    return text


def _record(account_id: UUID, terms: Terms, asked_by: User | None, *, needs_approval: bool) -> Asked:
    facts = {"account_id": account_id, "needs_approval": needs_approval, "asked_by": asked_by}
    with transaction.atomic():
        # Of two calls with one key, the second waits here for the first and finds its row.
        adjustment, is_new = Adjustment.objects.get_or_create(
            key=terms.key, defaults={**asdict(terms), **facts}
        )
        if not is_new:
            if not same_terms(adjustment, account_id, terms):
                raise refusals.conflict(account_id, terms.key)
            return Asked(adjustment, repeated=True)
        if needs_approval:
            _require_it_can_wait(adjustment)
        else:
            _book(adjustment, None)
    return Asked(adjustment, repeated=False)


def _require_it_can_wait(adjustment: Adjustment) -> None:
    """Refuse a grant that the ledger would refuse, before anyone is asked to approve it."""
    require_time_left(adjustment.expires_at)
    if not Account.objects.filter(pk=adjustment.account_id).exists():
        raise refusals.unknown_account(adjustment.account_id)


def _waiting(adjustment_id: UUID) -> Adjustment:
    """Return the adjustment, locked for the transaction. Raises UnknownAdjustment, AdjustmentDecided."""
    adjustment = _locked(adjustment_id)
    if adjustment is None:
        raise UnknownAdjustment("There is no such adjustment.", adjustment=str(adjustment_id))
    if adjustment.status != Status.WAITING:
        raise AdjustmentDecided(
            _("Already decided. Status: %(status)s.") % {"status": adjustment.get_status_display()},
            adjustment=str(adjustment_id),
            status=adjustment.status,
        )
    return adjustment


def _locked(adjustment_id: UUID) -> Adjustment | None:
    return Adjustment.objects.select_for_update(no_key=True).filter(pk=adjustment_id).first()


def _book(adjustment: Adjustment, by: User | None) -> None:
    facts: dict[str, Any] = {
        "kind": Entry.Kind.ADJUSTMENT,
        "key": f"{REFERENCE}{adjustment.pk}",
        "reference": adjustment.reference,
        # The statement shows the description; requester and approver are kept with the adjustment.
        "metadata": {"description": adjustment.reason, "adjustment": str(adjustment.pk)},
    }
    if adjustment.undoes is not None:
        undone = adjustment.undoes.entry_id
        assert undone is not None  # noqa: S101 - only what is booked can be undone
        del facts["kind"]
        entry_id = ledger.undo(adjustment.account_id, undone, adjustment.amount, **facts).entry_id
    elif adjustment.amount > 0:
        require_time_left(adjustment.expires_at)
        entry_id = ledger.grant(
            adjustment.account_id,
            adjustment.amount,
            promotional=adjustment.promotional,
            expires_at=adjustment.expires_at,
            **facts,
        ).entry_id
    else:
        entry_id = ledger.spend(adjustment.account_id, -adjustment.amount, **facts).entry_id
    _decide(adjustment, Status.BOOKED, by, entry_id)


def _decide(adjustment: Adjustment, status: Status, by: User | None, entry_id: int | None = None) -> None:
    adjustment.status = status
    adjustment.decided_by = by
    adjustment.decided_at = timezone.now()
    adjustment.entry_id = entry_id
    adjustment.save(update_fields=["status", "decided_by", "decided_at", "entry"])
