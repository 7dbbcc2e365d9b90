"""What can go wrong, by what a program does about it. Every error is a `CreditsError`.

An answer of the API that refuses is an `ApiError`: its ``code`` is the API's own and stable. Codes that nobody acts on
by class have the class of their status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar


class CreditsError(Exception):
    """The base of all of them. ``key``: the idempotency key of the write that failed; None for a read.

    A write whose outcome is unknown (`NoAnswer`, `ServerError`) may be repeated with this key: it happens once.
    """

    key: str | None = None
    # Whether the same request may well succeed a moment later.
    is_passing: ClassVar[bool] = False
    retry_after_s: float | None = None


class NoAnswer(CreditsError):
    """The network failed, or the time was over. Whether the write was carried out is unknown."""

    is_passing = True


class UnexpectedAnswer(CreditsError):
    """Something answered that is not this API: a redirection, or a page instead of JSON. Is the address right?"""


class TokenRefused(CreditsError):
    """The provider gives no token for these client credentials."""


@dataclass(frozen=True, slots=True)
class WrongField:
    """One field of a request that is wrong. ``attr`` has dots into nested ones: ``spends.3.amount``."""

    attr: str
    code: str
    detail: str


class ApiError(CreditsError):
    """The API refused. ``detail`` is for people; ``problem`` is all that it said (RFC 9457)."""

    def __init__(self, status: int, code: str, detail: str, problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{detail} ({status} {code})")
        self.status = status
        self.code = code
        self.detail = detail
        self.problem = dict(problem or {})


class InvalidRequest(ApiError):
    """Fields of the request are wrong: ``fields`` names them."""

    @property
    def fields(self) -> tuple[WrongField, ...]:
        return tuple(
            WrongField(one["attr"], one["code"], one["detail"]) for one in self.problem.get("errors", ())
        )


class NotAuthenticated(ApiError):
    """The key or the token opens nothing."""


class PermissionDenied(ApiError):
    """The client is known, and may not do this; ``code`` says why: ``missing_scope``, ``client_disabled``, …"""


class NotFound(ApiError):
    """There is no such thing."""


class UnknownAccount(NotFound):
    """There is no account of this id."""


class UnknownHold(NotFound):
    """There is no hold of this id."""


class UnknownModel(NotFound):
    """The rate card has no price for this model."""


class InsufficientCredits(ApiError):
    """The account hasn't so many credits; nothing was taken."""

    @property
    def missing(self) -> Decimal:
        return Decimal(self.problem["missing"])

    @property
    def available(self) -> Decimal:
        return Decimal(self.problem["available"])

    @property
    def buy_url(self) -> str:
        """Where its owner buys more. Empty for a spend of a batch, whose answer names no address."""
        return str(self.problem.get("buy_url", ""))


class CapReached(ApiError):
    """The spend would pass the cap that the team gave its member; nothing was taken."""

    @property
    def left(self) -> Decimal:
        return Decimal(self.problem["left"])

    @property
    def renews_at(self) -> str:
        """When the cap begins anew, ISO 8601."""
        return str(self.problem["renews_at"])


class Conflict(ApiError):
    """It can't be done as things stand."""


class KeyConflict(Conflict):
    """The key stands for something else already: same key, other arguments. Nothing was done."""


class HoldClosed(Conflict):
    """The hold was captured, released, or has expired."""


class RateLimited(ApiError):
    """Too many requests. ``retry_after_s`` says when there may be more."""

    is_passing = True


class ServerError(ApiError):
    """The service failed, or is away. Whether a write was carried out is unknown."""

    is_passing = True


class BatchFull(CreditsError):
    """So many spends wait to be sent that no more are taken; this one was not."""


class BatchClosed(CreditsError):
    """The batch was closed, or made before this process was forked off; the spend was not taken."""


class NotSent(CreditsError):
    """Spends of a batch that could not be sent before it was closed. Those of a spool are sent at the next start."""

    def __init__(self, keys: tuple[str, ...], *, in_spool: bool) -> None:
        where = "they are in the spool and are sent at the next start" if in_spool else "nothing keeps them"
        super().__init__(f"{len(keys)} spends were not sent: {where}.")
        self.keys = keys
        self.in_spool = in_spool


class SpoolInUse(CreditsError):
    """Another batch, of this process or another, has the spool open."""


class SpoolDamaged(CreditsError):
    """A line of the spool can't be read. Look at the file before anything is sent from it."""


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
    """The error that a refusal's problem document tells of."""
    code, detail = str(problem.get("code", "")), str(problem.get("detail", ""))
    other = ServerError if status >= 500 else ApiError
    found = BY_CODE.get(code) or BY_STATUS.get(status, other)
    return found(status, code, detail or f"The service answered {status}.", problem)
