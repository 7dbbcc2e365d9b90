"""What the ledger refuses, each with what it is about."""

from __future__ import annotations

from config.errors import DomainError


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


class UnknownHold(LedgerError):
    code = "unknown_hold"
    status = 404


class UnknownLot(LedgerError):
    code = "unknown_lot"
    status = 404


class InsufficientCredits(LedgerError):
    """``missing`` says how many more it takes; ``account``, ``amount``, ``balance`` and ``held`` how it stands."""

    code = "insufficient_credits"
    status = 402


class HoldClosed(LedgerError):
    """The hold was captured, released, or has expired: ``status`` says which."""

    code = "hold_closed"
    status = 409


class KeyConflict(LedgerError):
    """The business key stands for another fact already: same key, other arguments."""

    code = "key_conflict"
    status = 409


class NothingToReverse(LedgerError):
    """The lot has less left than is to be taken back, and the policy allows neither less nor debt."""

    code = "nothing_to_reverse"
    status = 409
