"""What the ledger refuses, each with what it is about."""

from __future__ import annotations

from config.errors import DomainError


class LedgerError(DomainError):
    """The base of every refusal of the ledger."""


class InvalidAmount(LedgerError):
    code = "invalid_amount"
    status = 400


class UnknownAccount(LedgerError):
    code = "unknown_account"
    status = 404


class KeyConflict(LedgerError):
    """The business key stands for another fact already: same key, other arguments."""

    code = "key_conflict"
    status = 409


class InvalidGrant(LedgerError):
    """Arguments that no grant can have: no key, a key or reference that is too long, a cost for what was given away."""

    code = "invalid_grant"
    status = 400
