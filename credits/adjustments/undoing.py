"""Undo adjustments, each once.

An adjustment of the opposite amount would take credits in the order of spending, purchased ones too. Undoing removes
the very credits that were added, or restores the very lots that were reduced.
"""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import User
from credits.adjustments.adjusting import Asked, Terms, ask
from credits.adjustments.models import Adjustment
from credits.errors import NothingToUndo, UnknownAdjustment
from credits.ledger import operations as ledger

Status = Adjustment.Status


def plan_undo(adjustment_id: UUID) -> tuple[Adjustment, Decimal]:
    """Return the adjustment, and the amount that undoing it would book now. Changes nothing.

    Raises:
        UnknownAdjustment: there is none with this id.
        NothingToUndo: it isn't booked, was undone before, or all it added has since expired or been removed.
    """
    adjustment = Adjustment.objects.filter(pk=adjustment_id).first()
    if adjustment is None:
        raise UnknownAdjustment("There is no such adjustment.", adjustment=str(adjustment_id))
    if adjustment.entry_id is None:
        raise NothingToUndo(_("Only an applied adjustment can be undone."))
    if adjustment.undone_by.exclude(status=Status.DECLINED).exists():
        raise NothingToUndo(_("This adjustment was already undone, or that was requested."))
    amount = ledger.undo_amount(adjustment.account_id, adjustment.entry_id)
    if not amount:
        raise NothingToUndo(_("All the credits it added have since expired or been removed."))
    return adjustment, amount


def undo_adjustment(adjustment_id: UUID, reason: str, key: str, asked_by: User) -> Asked:
    """Request that an adjustment be undone, once per key; above the limit this waits for a second person.

    Raises:
        UnknownAdjustment, NothingToUndo: as `plan_undo`.
        Whatever `credits.adjustments.adjusting.ask` raises.
    """
    earlier = Adjustment.objects.filter(key=key, undoes=adjustment_id).first()
    if earlier is not None:
        return Asked(earlier, repeated=True)
    undone, amount = plan_undo(adjustment_id)
    terms = Terms(amount, reason, key, undone.reference, undoes_id=adjustment_id)
    try:
        with transaction.atomic():
            return ask(undone.account_id, terms, asked_by)
    except IntegrityError as error:
        if "credits_adjustment_undone_once" in str(error):  # undone concurrently
            raise NothingToUndo(_("This adjustment was already undone, or that was requested.")) from error
        raise
