"""Errors that the API raises before it calls the ledger."""

from __future__ import annotations

from core.errors import DomainError


class RequestError(DomainError):
    """A request that can't be carried out as sent."""


class IdempotencyKeyRequired(RequestError):
    """A write without the header ``Idempotency-Key``: it could not be retried safely."""

    code = "idempotency_key_required"
    status = 400


class InvalidIdempotencyKey(RequestError):
    code = "invalid_idempotency_key"
    status = 400


class ParseError(RequestError):
    """The body is not JSON."""

    code = "parse_error"
    status = 400


class MethodNotAllowed(RequestError):
    code = "method_not_allowed"
    status = 405

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": ", ".join(self.params["allowed"])}


class UnsupportedMediaType(RequestError):
    code = "unsupported_media_type"
    status = 415
