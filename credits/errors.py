"""Errors of the ledger, each with what it is about."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.urls import reverse

from core.errors import DomainError
from credits.formatting import plain


class LedgerError(DomainError):
    """The base of all errors of the ledger; ``field`` in the params names a wrong field."""


class InvalidEntry(LedgerError):
    """Text that can't be stored, or a cost of promotional credits; ``field`` in the params names the argument."""

    code = "invalid_entry"


class InvalidAmount(InvalidEntry):
    """Not an amount of credits."""

    code = "invalid_amount"


class TooManyItems(LedgerError):
    code = "too_many_items"


class UnknownAccount(LedgerError):
    code = "unknown_account"
    status = 404


class AccountClosed(LedgerError):
    """The account is closed, as its user was erased or its team deleted: it takes no credits and opens no hold."""

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
    """``missing`` says how many more are needed; ``account``, ``amount``, ``balance`` and ``held`` of what."""

    code = "insufficient_credits"
    status = 402

    @property
    def available(self) -> Decimal:
        """Return what was available: less than balance minus held if lots have expired since the job last ran."""
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
    """A balance, a debt or the sum captured of one hold would reach 10^18, more than a column holds."""

    code = "sum_too_large"
    status = 409


class HoldClosed(LedgerError):
    """The hold was captured, released, or has expired: ``status`` says which."""

    code = "hold_closed"
    status = 409


class KeyConflict(LedgerError):
    """The business key was used before, with other arguments."""

    code = "key_conflict"
    status = 409


class InvalidGift(LedgerError):
    """A gift to yourself, or with a message that can't be stored."""

    code = "invalid_gift"


class UnknownRecipient(LedgerError):
    """Nobody who can receive a gift has this address. The reason is not disclosed."""

    code = "unknown_recipient"
    status = 404


class TooFresh(LedgerError):
    """The credits were bought too recently to be gifted (``GIFT_AFTER``): ``missing`` of them in the params."""

    code = "credits_too_fresh"
    status = 409

    @property
    def extensions(self) -> dict[str, Any]:
        return {"missing": plain(self.params["missing"])}


class GiftLimitReached(LedgerError):
    """More than may be gifted in 24 hours: ``left`` is what still may be, until ``retry_after`` seconds from now."""

    code = "gift_limit_reached"
    status = 429


class InvalidAdjustment(LedgerError):
    """No reason, an expiry that has passed, or terms of a grant for a removal."""

    code = "invalid_adjustment"


class UnknownAdjustment(LedgerError):
    code = "unknown_adjustment"
    status = 404


class SecondPersonNeeded(LedgerError):
    """The requester of an adjustment above the limit can't approve it."""

    code = "second_person_needed"
    status = 403


class NothingToUndo(LedgerError):
    """The adjustment was undone before, or what it added has since expired or been removed."""

    code = "nothing_to_undo"
    status = 409


class OwnAccount(LedgerError):
    """Staff can't act on their own credits, nor on those of a team they are in."""

    code = "own_account"
    status = 403


class AdjustmentDecided(LedgerError):
    """The adjustment was booked or declined before: ``status`` says which."""

    code = "adjustment_decided"
    status = 409


class GrantsFileError(LedgerError):
    """A file of grants that can't be read; ``line`` in the params says from which line on."""

    code = "grants_file_invalid"
