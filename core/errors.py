"""Define the base of every error that this project raises on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from django.core.exceptions import BadRequest, RequestDataTooBig


class DomainError(Exception):
    """A broken rule, with a stable code, an HTTP status, and what it concerns.

    ``code`` is part of the API and never changes; ``params`` name the objects (such as a package), never secrets.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400
    # Seconds after which a retry may work, unless ``retry_after`` in ``params`` names them; 0: it won't.
    RETRY_AFTER_S: ClassVar[int] = 0

    def __init__(self, message: str, **params: Any) -> None:
        super().__init__(message)
        self.message = message
        self.params = params

    @property
    def headers(self) -> dict[str, str]:
        """Return the HTTP headers of this response."""
        wait = self.params.get("retry_after", self.RETRY_AFTER_S)
        return {"Retry-After": str(wait)} if wait else {}

    @property
    def extensions(self) -> dict[str, Any]:
        """Return further members of the API's problem document: plain JSON values that a client can act on."""
        return {}


@dataclass(frozen=True, slots=True)
class WrongField:
    """One wrong field of a request. ``attr`` has dots for nested fields: ``spends.3.amount``."""

    attr: str
    code: str
    detail: str


class InvalidRequest(DomainError):
    """Wrong fields in a request: ``fields`` says which, and what is wrong with each."""

    code = "invalid_request"

    def __init__(self, *fields: WrongField) -> None:
        super().__init__("; ".join(f"{field.attr}: {field.detail}" for field in fields))
        self.fields = fields


class UnknownHost(DomainError):
    """A request whose ``Host`` is not the site's."""

    code = "unknown_host"


class Unexpected(DomainError):
    """A defect in our code. The response says nothing more; the log does."""

    code = "error"
    status = 500


class RequestTooLarge(DomainError, RequestDataTooBig):
    """A body larger than this URL accepts. Nothing beyond the limit was read."""

    code = "request_too_large"
    status = 413


class UnreadableBody(DomainError, BadRequest):
    """A body whose end is unknown, or that ended before its announced length."""

    code = "unreadable_body"


class LengthRequired(DomainError):
    """A body without ``Content-Length``, where a truncated body couldn't be detected."""

    code = "length_required"
    status = 411
