"""Errors that the API raises before it calls the ledger."""

from __future__ import annotations

from core.errors import DomainError


class IdempotencyKeyRequired(DomainError):
    """A write without the header ``Idempotency-Key``: it could not be retried safely."""

    code = "idempotency_key_required"


class InvalidIdempotencyKey(DomainError):
    code = "invalid_idempotency_key"


class ParseError(DomainError):
    """The body is not JSON."""

    code = "parse_error"


class MethodNotAllowed(DomainError):
    code = "method_not_allowed"
    status = 405

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": ", ".join(self.params["allowed"])}


class UnsupportedMediaType(DomainError):
    code = "unsupported_media_type"
    status = 415
