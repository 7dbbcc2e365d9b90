"""Define the errors, one class for each that a program may handle. All are `CreditsError`.

A refusal by the API is an `ApiError`, whose ``code`` is the API's and stable. Other codes have the class of their
status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar


class CreditsError(Exception):
    """Base of all errors. ``key`` is the idempotency key of the write that failed; None for a read.

    A write whose outcome is unknown (`NoAnswer`, `ServerError`) can be repeated safely with this key.
    """

    key: str | None = None
    # Whether the same request may succeed a moment later.
    is_passing: ClassVar[bool] = False
    retry_after_s: float | None = None


class NoAnswer(CreditsError):
    """The network failed or timed out. It is unknown whether the write was carried out."""

    is_passing = True


class UnexpectedAnswer(CreditsError):
    """The answer isn't the API's: a redirect, or a page instead of JSON. Check the base URL."""


class TokenRefused(CreditsError):
    """The provider refused a token for these client credentials."""


@dataclass(frozen=True, slots=True)
class WrongField:
    """One invalid field of a request. ``attr`` is a path with dots: ``spends.3.amount``."""

    attr: str
    code: str
    detail: str


class ApiError(CreditsError):
    """The API refused the request. ``detail`` is for people; ``problem`` is the whole answer (RFC 9457)."""

    def __init__(self, status: int, code: str, detail: str, problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{detail} ({status} {code})")
        self.status = status
        self.code = code
        self.detail = detail
        self.problem = dict(problem or {})


class InvalidRequest(ApiError):
    """Fields of the request are invalid; ``fields`` names them."""

    @property
    def fields(self) -> tuple[WrongField, ...]:
        return tuple(
            WrongField(one["attr"], one["code"], one["detail"]) for one in self.problem.get("errors", ())
        )


class NotAuthenticated(ApiError):
    """The key or token isn't valid."""


class PermissionDenied(ApiError):
    """The client may not do this; ``code`` says why: ``missing_scope``, ``client_disabled``, …"""


class NotFound(ApiError):
    """The resource doesn't exist."""


class UnknownAccount(NotFound):
    """No account has this id."""


class UnknownHold(NotFound):
    """No hold has this id."""


class UnknownModel(NotFound):
    """The rate card has no price for this model."""


class InsufficientCredits(ApiError):
    """The account doesn't have enough credits; nothing was taken."""

    @property
    def missing(self) -> Decimal:
        return Decimal(self.problem["missing"])

    @property
    def available(self) -> Decimal:
        return Decimal(self.problem["available"])

    @property
    def buy_url(self) -> str:
        """Where the account's owner can buy more. Empty for a spend in a batch."""
        return str(self.problem.get("buy_url", ""))


class CapReached(ApiError):
    """The spend would exceed the member's cap in the team; nothing was taken."""

    @property
    def left(self) -> Decimal:
        return Decimal(self.problem["left"])

    @property
    def renews_at(self) -> str:
        """When the cap resets, in ISO 8601."""
        return str(self.problem["renews_at"])


class Conflict(ApiError):
    """The request conflicts with the current state."""


class KeyConflict(Conflict):
    """The key was already used with other arguments; nothing was done."""


class HoldClosed(Conflict):
    """The hold was captured, released, or has expired."""


class RateLimited(ApiError):
    """Too many requests; wait for ``retry_after_s``."""

    is_passing = True


class ServerError(ApiError):
    """The service failed or is down. It is unknown whether a write was carried out."""

    is_passing = True


class BatchFull(CreditsError):
    """Too many spends are waiting to be sent; this one was not accepted."""


class BatchClosed(CreditsError):
    """The batch is closed, or was created before this process was forked; the spend was not accepted."""


class NotSent(CreditsError):
    """Spends could not be sent before the batch was closed. Those in a spool are sent at the next start."""

    def __init__(self, keys: tuple[str, ...], *, in_spool: bool) -> None:
        where = "the spool keeps them for the next start" if in_spool else "they are lost"
        super().__init__(f"{len(keys)} spends were not sent: {where}.")
        self.keys = keys
        self.in_spool = in_spool


class SpoolInUse(CreditsError):
    """Another batch, in this process or another, has the spool open."""


class SpoolDamaged(CreditsError):
    """A line of the spool can't be read. Check the file before anything is sent from it."""


BY_CODE: Mapping[str, type[ApiError]] = {
    "insufficient_credits": InsufficientCredits,
    "cap_reached": CapReached,
    "key_conflict": KeyConflict,
    "hold_closed": HoldClosed,
    "unknown_account": UnknownAccount,
    "unknown_hold": UnknownHold,
    "unknown_model": UnknownModel,
}
BY_STATUS: Mapping[int, type[ApiError]] = {
    400: InvalidRequest,
    401: NotAuthenticated,
    403: PermissionDenied,
    404: NotFound,
    409: Conflict,
    429: RateLimited,
}


def error_of(status: int, problem: Mapping[str, Any]) -> ApiError:
    """Return the error for a problem document."""
    code, detail = str(problem.get("code", "")), str(problem.get("detail", ""))
    other = ServerError if status >= 500 else ApiError
    found = BY_CODE.get(code) or BY_STATUS.get(status, other)
    return found(status, code, detail or f"The service answered {status}.", problem)
