"""Return the API's errors as ``application/problem+json`` (RFC 9457), each with a stable ``code``.

A `DomainError` keeps its code and status, so views never translate one. In DRF's views drf-standardized-errors collects
the errors and `ProblemFormatter` formats them; plain views use `problem_response`. Both use `problem_document`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpResponse
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler
from drf_standardized_errors.types import ErrorResponse
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from core.errors import DomainError, InvalidRequest, RequestTooLarge, WrongField
from core.outages import outage_of

PROBLEM_JSON = "application/problem+json"


def problem_document(
    status: int, code: str, detail: str, fields: Sequence[WrongField] = (), **extensions: Any
) -> dict[str, Any]:
    """Return a problem in the shape that all share."""
    title = HTTPStatus(status).phrase
    document = {"type": "about:blank", "title": title, "status": status, "code": code, "detail": str(detail)}
    if fields:
        document["errors"] = [asdict(field) for field in fields]
    return {**document, **extensions}


def problem_of(error: DomainError) -> dict[str, Any]:
    """Return the document of a `DomainError`. A rule broken by one field keeps its own code and names the field."""
    if isinstance(error, InvalidRequest):
        fields = error.fields
    else:
        attr = str(error.params.get("field", ""))
        fields = (WrongField(attr, error.code, error.message),) if attr else ()
    return problem_document(error.status, error.code, error.message, fields, **error.extensions)


def problem_response(error: DomainError) -> HttpResponse:
    """Return a `DomainError` as the response of a plain Django view."""
    body = json.dumps(problem_of(error))
    return HttpResponse(body, PROBLEM_JSON, status=error.status, headers=error.headers)


class FieldProblemSerializer(serializers.Serializer[Any]):
    """What is wrong with one field of the request."""

    code = serializers.CharField()
    detail = serializers.CharField()
    attr = serializers.CharField(help_text="Field name, with dots for nested fields.")


class ProblemSerializer(serializers.Serializer[Any]):
    """Problem details (RFC 9457). ``code`` is stable and for programs, ``detail`` is for people."""

    type = serializers.CharField(help_text="Always about:blank; `code` identifies the problem.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    # DRF moves fields out of the class; its own `errors` stays.
    errors = FieldProblemSerializer(many=True, required=False)  # type: ignore[assignment]


def problem_responses(*statuses: int) -> dict[tuple[int, str], type[ProblemSerializer]]:
    """Return the schema of these statuses for a view."""
    return {(status, PROBLEM_JSON): ProblemSerializer for status in statuses}


class DomainProblem(APIException):
    """A `DomainError` as an exception of DRF."""

    def __init__(self, error: DomainError) -> None:
        super().__init__(detail=error.message, code=error.code)
        self.status_code = error.status
        self.headers = error.headers
        self.document = problem_of(error)


class ProblemFormatter(ExceptionFormatter):
    """A formatter that returns one problem, with the wrong fields if there are any."""

    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        if isinstance(self.exc, DomainProblem):
            return self.exc.document
        fields = [
            WrongField(error.attr, error.code, error.detail) for error in error_response.errors if error.attr
        ]
        if fields:
            return problem_of(InvalidRequest(*fields))
        first = error_response.errors[0]
        return problem_document(self.exc.status_code, first.code, first.detail)


class ProblemHandler(ExceptionHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, RequestDataTooBig) and not isinstance(exc, DomainError):
            exc = RequestTooLarge("The request body is too large.")
        if error := exc if isinstance(exc, DomainError) else outage_of(exc):
            return DomainProblem(error)
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
    """Handle an exception; DRF's EXCEPTION_HANDLER."""
    response: Response | None = ProblemHandler(exc, context).run()
    return response
