"""Errors of the API as ``application/problem+json`` (RFC 9457), each with a stable ``code``.

drf-standardized-errors gathers what went wrong into one list; this gives it the standard's shape. A `DomainError` keeps
its own code and status, so that a view never translates one.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ErrorResponse
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from config.errors import DomainError

PROBLEM_JSON = "application/problem+json"


class FieldProblemSerializer(serializers.Serializer[Any]):
    """What is wrong with one field of the request."""

    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField(help_text="The field, with dots into nested ones.")


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457. ``code`` is stable and for programs, ``detail`` is for people."""

    type = serializers.CharField(help_text="Always about:blank: the code says which problem it is.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    # DRF takes fields out of the class; its own `errors` stays.
    errors = FieldProblemSerializer(many=True, required=False)  # type: ignore[assignment]


def problem_responses(*statuses: int) -> dict[tuple[int, str], type[ProblemSerializer]]:
    """What a view's schema says of these statuses."""
    return {(status, PROBLEM_JSON): ProblemSerializer for status in statuses}


class DomainProblem(APIException):
    """A `DomainError` on its way out of the API."""

    def __init__(self, error: DomainError) -> None:
        super().__init__(detail=error.message, code=error.code)
        self.status_code = error.status
        self.headers = error.headers
        self.field = str(error.params.get("field", ""))


class ProblemFormatter(ExceptionFormatter):
    """One problem; the fields that are wrong, where it is about fields."""

    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        first = error_response.errors[0]
        status = HTTPStatus(self.exc.status_code)
        problem: dict[str, Any] = {"type": "about:blank", "title": status.phrase, "status": status.value}
        fields = [vars(error) for error in error_response.errors if error.attr]
        if fields:
            detail = "; ".join(f"{field['attr']}: {field['detail']}" for field in fields)
            return {**problem, "code": "invalid_request", "detail": detail, "errors": fields}
        problem |= {"code": first.code, "detail": first.detail}
        # A rule that was broken by one field of the request keeps its own code, and names the field.
        field = getattr(self.exc, "field", "")
        return {**problem, "errors": [{**vars(first), "attr": field}]} if field else problem


class ProblemHandler(ExceptionHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, DomainError):
            return DomainProblem(exc)
        known: Exception = super().convert_known_exceptions(exc)
        return known

    def format_exception(self, exc: APIException) -> Any:
        return ProblemFormatter(exc, self.context, self.exc).run()

    def get_headers(self, exc: APIException) -> dict[str, str]:
        headers: dict[str, str] = super().get_headers(exc)
        return {**headers, **getattr(exc, "headers", {})}

    def get_response(self, exc: APIException, data: Any) -> Response:
        response: Response = super().get_response(exc, data)
        response.content_type = PROBLEM_JSON
        return response


def exception_handler(exc: Exception, context: Any) -> Response | None:
    """DRF's EXCEPTION_HANDLER."""
    response: Response | None = ProblemHandler(exc, context).run()
    return response
