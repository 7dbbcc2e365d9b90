"""Refusals in Stripe's own envelope: ``{"error": {"type", "code", "message", "param"}}``."""

from collections.abc import Iterable
from typing import Any

from sandbox.shapes import Json


class ApiError(Exception):
    """A refusal as the API words it.

    `saved` says whether the answer is kept under the request's idempotency key: Stripe keeps what came of carrying
    a request out, and forgets what never got past the door.
    """

    saved = True
    status = 400
    type = "invalid_request_error"

    def __init__(
        self, message: str, *, code: str | None = None, param: str | None = None, **extra: Any
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.param = param
        self.extra = extra

    def to_body(self) -> Json:
        """The body of the answer. Keys without a value are left out, as at Stripe."""
        error = {
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "type": self.type,
            **self.extra,
        }
        if self.code:
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        return {"error": {name: value for name, value in sorted(error.items()) if value is not None}}


class InvalidParameterError(ApiError):
    """A parameter that is unknown, missing or of the wrong type: the request is not carried out."""

    saved = False


def refuse_unsupported(given: Iterable[str], unsupported: Iterable[str], prefix: str = "") -> None:
    """Raises InvalidParameterError for what Stripe could do and the sandbox can't: better loud than half right."""
    for name in unsupported:
        if name in given:
            param = f"{prefix}[{name}]" if prefix else name
            raise InvalidParameterError(f"The local sandbox does not know `{param}`, so far.", param=param)


class UnauthorizedError(ApiError):
    saved = False
    status = 401


class ForbiddenError(ApiError):
    """A key that is good, and not for this."""

    saved = False
    status = 403


class NoAccessError(ForbiddenError):
    """What Stripe says of any account but the key's own, whether it exists or not."""

    def __init__(self, key: str, account_id: str) -> None:
        super().__init__(
            f"The provided key '{key}' does not have access to account '{account_id}' (or that account does not"
            " exist). Application access may have been revoked.",
            code="account_invalid",
        )


class NoSuchRouteError(ApiError):
    saved = False
    status = 404

    def __init__(self, method: str, path: str) -> None:
        super().__init__(
            f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs"
            " or we can help at https://support.stripe.com/."
        )


class NoSuchObjectError(ApiError):
    """An id in the path that leads nowhere: 404. In a parameter it is a bad request: use `in_parameter`."""

    status = 404

    def __init__(self, object_type: str, object_id: str, param: str) -> None:
        super().__init__(f"No such {object_type}: '{object_id}'", code="resource_missing", param=param)

    @classmethod
    def in_parameter(cls, object_type: str, object_id: str, param: str) -> "NoSuchObjectError":
        error = cls(object_type, object_id, param)
        error.status = 400
        return error


class IdempotencyError(ApiError):
    """A key used again for something else."""

    saved = False
    type = "idempotency_error"


class KeyInUseError(ApiError):
    """A key whose first request is still being carried out."""

    saved = False
    status = 409

    def __init__(self, key: str) -> None:
        super().__init__(
            "There is currently another in-progress request using this Idempotent Key (that probably means you"
            " submitted twice, and the other request is still going through):"
            f" {key}. Please try again later.",
            code="idempotency_key_in_use",
        )


class ServerError(ApiError):
    """Something broke on the far side: by order of a test, or a fault of ours."""

    type = "api_error"

    def __init__(self, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.status = status
