"""The one base of every error that this project raises on purpose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from django.core.exceptions import BadRequest, RequestDataTooBig


class DomainError(Exception):
    """A rule was broken. Carries a stable code, an HTTP status, and what it is about.

    ``code`` is part of the API's contract and never changes; ``status`` is what an HTTP edge answers with;
    ``params`` name the objects concerned (which package, which amount), never secrets.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400

    def __init__(self, message: str, **params: Any) -> None:
        super().__init__(message)
        self.message = message
        self.params = params

    @property
    def headers(self) -> dict[str, str]:
        """Headers of HTTP that belong to this answer."""
        return {}

    @property
    def extensions(self) -> dict[str, Any]:
        """Further members of the API's problem document: plain JSON values that a program can act on."""
        return {}


@dataclass(frozen=True, slots=True)
class WrongField:
    """One field of a request that is wrong. ``attr`` has dots into nested ones: ``spends.3.amount``."""

    attr: str
    code: str
    detail: str


class InvalidRequest(DomainError):
    """Fields of a request are wrong: ``fields`` says which, and what is wrong with each."""

    code = "invalid_request"
    status = 400

    def __init__(self, *fields: WrongField) -> None:
        super().__init__("; ".join(f"{field.attr}: {field.detail}" for field in fields))
        self.fields = fields


class UnknownHost(DomainError):
    """The request's ``Host`` is none of the site's."""

    code = "unknown_host"
    status = 400


class Unexpected(DomainError):
    """A defect of ours. Nothing is said of it besides; the log has the rest."""

    code = "error"
    status = 500


class RequestTooLarge(DomainError, RequestDataTooBig):
    """More than this address takes. Nothing beyond the limit was read."""

    code = "request_too_large"
    status = 413


class UnreadableBody(DomainError, BadRequest):
    """A body whose end can't be known, or that ended before what was announced of it."""

    code = "unreadable_body"
    status = 400


class LengthRequired(DomainError):
    """A body without ``Content-Length``, where a part of it couldn't be told from the whole."""

    code = "length_required"
    status = 411
