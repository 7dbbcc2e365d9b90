"""Refuse requests in Stripe's envelope: ``{"error": {"type", "code", "message", "param"}}``."""

from collections.abc import Iterable

from sandbox.shapes import Json


class ApiError(Exception):
    """Refuse a request with the API's message.

    `saved` tells whether the answer is saved under the idempotency key: Stripe saves the results of executed
    requests, but not those of requests that were rejected beforehand.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        saved: bool = True,
        details: Json | None = None,
    ) -> None:
        super().__init__(message)
        self.details = details or {}
        self.status = status
        self.type = type
        self.code = code
        self.param = param
        self.saved = saved

    def to_body(self) -> Json:
        """Return the body of the answer. Keys without a value are left out, as at Stripe."""
        doc_url = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}" if self.code else None
        error = {
            "code": self.code,
            "doc_url": doc_url,
            "message": str(self),
            "param": self.param,
            "type": self.type,
            **self.details,
        }
        return {"error": {name: value for name, value in error.items() if value is not None}}


class CardError(ApiError):
    """Report what a bank declined (402). Unlike other refusals, it happened: the changes made so far stay.

    `error` has `code`, `message` and more, as an intent's own; `details` are the objects that it is about.
    """

    def __init__(self, error: Json, **details: Json) -> None:
        rest = {
            name: value for name, value in error.items() if name not in ("code", "message", "type", "doc_url")
        }
        super().__init__(
            error["message"],
            status=402,
            type=error["type"],
            code=error["code"],
            details={**rest, **details},
        )


class InvalidParameterError(ApiError):
    """Refuse a parameter that is unknown, missing or invalid: the request isn't executed."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message, code=code, param=param, saved=False)


class MissingParameterError(InvalidParameterError):
    """Refuse a request without a required parameter."""

    def __init__(self, param: str) -> None:
        super().__init__(f"Missing required param: {param}.", code="parameter_missing", param=param)


class NoSuchObjectError(ApiError):
    """Refuse an unknown id: 404 in the path, 400 in a parameter."""

    def __init__(self, object_type: str, object_id: str, param: str, status: int = 404) -> None:
        message = f"No such {object_type}: '{object_id}'"
        super().__init__(message, status=status, code="resource_missing", param=param)


class NoAccessError(ApiError):
    """Refuse any account but the key's own, whether it exists or not."""

    def __init__(self, key: str, account_id: str) -> None:
        super().__init__(
            f"The provided key '{key}' does not have access to account '{account_id}' (or that account does not"
            " exist). Application access may have been revoked.",
            status=403,
            code="account_invalid",
            saved=False,
        )


def refuse_unsupported(given: Iterable[str], unsupported: Iterable[str], prefix: str = "") -> None:
    """Raise InvalidParameterError for what Stripe supports and the sandbox doesn't."""
    for name in unsupported:
        if name in given:
            param = f"{prefix}[{name}]" if prefix else name
            raise InvalidParameterError(f"The local sandbox doesn't support `{param}`.", param=param)
