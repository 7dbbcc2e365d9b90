"""Define why a code or a batch is refused."""

from __future__ import annotations

from core.errors import DomainError


class CodeInvalid(DomainError):
    """Nothing to redeem: the code is unknown, used up, expired, revoked, or was redeemed for this account. Which of
    these isn't disclosed.
    """

    code = "code_invalid"
    status = 404


class InvalidBatch(DomainError):
    """A batch of codes that can't be made; ``field`` in the params names what is wrong."""

    code = "invalid_batch"


class BatchAlreadyMade(DomainError):
    """The form was sent before: its codes were shown then, and can't be shown again. ``batch`` is its id."""

    code = "batch_already_made"
    status = 409


class NothingInEscrow(DomainError):
    """A gift that can't be redeemed any more, or for the moment: redeemed, refunded or disputed."""

    code = "nothing_in_escrow"
    status = 409
