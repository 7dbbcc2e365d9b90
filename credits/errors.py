"""What the ledger refuses, each with what it is about."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.urls import reverse

from core.errors import DomainError
from credits.formatting import plain


class LedgerError(DomainError):
    """The base of every refusal of the ledger."""


class InvalidEntry(LedgerError):
    """Arguments that no entry or hold can have: a key, reference or metadata that can't be stored, a cost for what was
    given away. ``field`` in the params names the argument.
    """

    code = "invalid_entry"
    status = 400


class InvalidAmount(InvalidEntry):
    """Not an amount of credits."""

    code = "invalid_amount"
    status = 400


class TooManyItems(LedgerError):
    code = "too_many_items"
    status = 400


class UnknownAccount(LedgerError):
    code = "unknown_account"
    status = 404


class AccountClosed(LedgerError):
    """Its person was erased, or its team deleted: it takes no credits in and sets none aside."""

    code = "account_closed"
    status = 409


class UnknownHold(LedgerError):
    """There is no such hold, or another API client made it."""

    code = "unknown_hold"
    status = 404


class UnknownLot(LedgerError):
    code = "unknown_lot"
    status = 404


class InsufficientCredits(LedgerError):
    """``missing`` says how many more it takes; ``account``, ``amount``, ``balance`` and ``held`` how it stands."""

    code = "insufficient_credits"
    status = 402

    @property
    def available(self) -> Decimal:
        """What could be had. Less than balance and held tell where lots have expired since the job last ran."""
        covered: Decimal = self.params["amount"] - self.params["missing"]
        held = self.params["held"]
        return covered if held is None else min(covered, self.params["balance"] - held)

    @property
    def extensions(self) -> dict[str, Any]:
        return {
            "account": str(self.params["account"]),
            "missing": plain(self.params["missing"]),
            "available": plain(self.available),
            "buy_url": f"{settings.SITE_URL}{reverse('credits')}",
        }


class SumTooLarge(LedgerError):
    """A sum of the account would reach 10^18, which no amount can and no column holds: what it has, what it owes, or
    what was captured of one hold.
    """

    code = "sum_too_large"
    status = 409


class HoldClosed(LedgerError):
    """The hold was captured, released, or has expired: ``status`` says which."""

    code = "hold_closed"
    status = 409


class KeyConflict(LedgerError):
    """The business key stands for another fact already: same key, other arguments."""

    code = "key_conflict"
    status = 409


class GiftError(LedgerError):
    """The base of what keeps a gift from being given. Messages are for people; ``field`` in the params names the
    field of a form that is wrong, if one is.
    """


class InvalidGift(GiftError):
    """To oneself, or with a message that can't be kept."""

    code = "invalid_gift"
    status = 400


class UnknownRecipient(GiftError):
    """Nobody who could be given something has this address. Why not is nobody's business."""

    code = "unknown_recipient"
    status = 404


class TooFresh(GiftError):
    """They were bought too recently to be given away (``GIFT_AFTER``): ``missing`` of them in the params."""

    code = "credits_too_fresh"
    status = 409

    @property
    def extensions(self) -> dict[str, Any]:
        return {"missing": plain(self.params["missing"])}


class GiftLimitReached(GiftError):
    """More than may be given within 24 hours. ``left`` in the params says how many credits still can be given,
    ``retry_after`` in how many seconds it will be more.
    """

    code = "gift_limit_reached"
    status = 429

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.params["retry_after"])}


class AdjustmentError(LedgerError):
    """The base of what keeps staff from giving or taking credits. Messages are for people; ``field`` in the params
    names the field of a form or file that is wrong, if one is.
    """


class InvalidAdjustment(AdjustmentError):
    """Without a reason, with an expiry that has passed, or terms of a grant for what is taken."""

    code = "invalid_adjustment"
    status = 400


class UnknownAdjustment(AdjustmentError):
    code = "unknown_adjustment"
    status = 404


class SecondPersonNeeded(AdjustmentError):
    """Whoever asked for an adjustment above the limit can't approve it."""

    code = "second_person_needed"
    status = 403


class NothingToUndo(AdjustmentError):
    """The adjustment was undone before, or what it gave has expired or was taken meanwhile."""

    code = "nothing_to_undo"
    status = 409


class OwnAccount(LedgerError):
    """A member of staff can't act on credits of their own, nor on those of a team that they are in."""

    code = "own_account"
    status = 403


class AdjustmentDecided(AdjustmentError):
    """It was booked or declined before: ``status`` says which."""

    code = "adjustment_decided"
    status = 409


class GrantsFileError(AdjustmentError):
    """A file of grants that can't be read at all; ``line`` in the params says from where on."""

    code = "grants_file_invalid"
    status = 400
