"""Describe the API for services, from its operations and shapes alone."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import msgspec

from accounts.clients.errors import (
    ApiKeyExpired,
    ApiKeyRevoked,
    ClientDisabled,
    InvalidApiKey,
    InvalidClientToken,
    MissingScope,
    NotAuthenticated,
    PersonToken,
    UnknownClient,
)
from accounts.clients.openapi import SECURITY_SCHEMES
from accounts.errors import ProviderUnavailableError
from accounts.limits.rates import RateLimited
from core.errors import DomainError, InvalidRequest, RequestTooLarge, Unexpected
from core.outages import Busy, Unavailable
from core.problems import PROBLEM_JSON
from core.service_fast_path import SERVICES
from credits.api.endpoints import AVAILABLE, BALANCE, JSON, LIMIT, REMAINING, REPLAYED, RESET, Operation
from credits.api.errors import (
    IdempotencyKeyRequired,
    InvalidIdempotencyKey,
    ParseError,
    UnsupportedMediaType,
)
from credits.api.shapes import LONGEST_KEY, BatchSpent, EntriesPage
from credits.api.urls import ENDPOINTS
from credits.errors import InsufficientCredits

TAG = "For services"
REF = "#/components/schemas/{name}"
WHO = (
    NotAuthenticated,
    InvalidClientToken,
    InvalidApiKey,
    ApiKeyRevoked,
    ApiKeyExpired,
    MissingScope,
    ClientDisabled,
    PersonToken,
    UnknownClient,
)
ALWAYS = (*WHO, RateLimited, Unexpected, Unavailable, Busy, ProviderUnavailableError)
OF_WRITES = (
    IdempotencyKeyRequired,
    InvalidIdempotencyKey,
    ParseError,
    InvalidRequest,
    RequestTooLarge,
    UnsupportedMediaType,
)
SHORT_OF_CREDITS = "InsufficientCredits"
PLACEHOLDER = re.compile(r"<str:(\w+)>")

Schema = dict[str, Any]


def describe_services(result: Schema, **_others: Any) -> Schema:
    """Add this API's operations to those of drf-spectacular's own views; a hook of it."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {}).update(_shapes())
    components.setdefault("securitySchemes", {}).update(SECURITY_SCHEMES)
    for route, endpoint in ENDPOINTS.items():
        methods = {
            operation.method.lower(): _described(route, operation)
            for operation in endpoint.operations.values()
        }
        result["paths"][SERVICES + PLACEHOLDER.sub(r"{\1}", route)] = methods
    return result


def _operations() -> list[Operation]:
    return [operation for endpoint in ENDPOINTS.values() for operation in endpoint.operations.values()]


def _shapes() -> Schema:
    operations = _operations()
    shapes = [shape for one in operations for shape in (one.takes, one.gives) if shape]
    _schemas, components = msgspec.json.schema_components(shapes, ref_template=REF)
    for schema in components.values():
        if not schema.get("required", True):
            del schema["required"]  # OpenAPI 3.0 allows no empty list
        if "description" in schema:
            schema["description"] = inspect.cleandoc(schema["description"]).replace("``", "`")
    members = ("account", "missing", "available", "buy_url")
    components[SHORT_OF_CREDITS] = {
        "allOf": [
            {"$ref": REF.format(name="Problem")},
            {"type": "object", "properties": {name: {"type": "string"} for name in members}},
        ],
        "description": "`missing` is how many more credits are needed; `buy_url` is where to buy them. With the code "
        "`cap_reached`, the member's `cap`, `left`, `period` and `renews_at` are given instead.",
    }
    return dict(components)


def _described(route: str, operation: Operation) -> Schema:
    summary, _blank, description = inspect.cleandoc(operation.function.__doc__ or "").partition("\n\n")
    return {
        "operationId": operation.function.__name__,
        "summary": summary,
        "description": " ".join((description, f"Requires the scope `{operation.scope.value}`.")).strip(),
        "tags": [TAG],
        "security": [{name: []} for name in SECURITY_SCHEMES],
        "parameters": [*_parameters(route, operation)],
        **_request_body(operation),
        "responses": {str(operation.status): _success(operation), **_refusals(operation)},
    }


def _parameters(route: str, operation: Operation) -> Iterable[Schema]:
    for name in PLACEHOLDER.findall(route):
        yield _parameter("path", name, {"type": "string", "format": "uuid"}, required=True)
    if operation.is_write:
        key = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[ -~]+$"}
        said = "Your key for this write. Repeats with the same key and body take effect once."
        yield {**_parameter("header", "Idempotency-Key", key, required=True), "description": said}
    if operation.asks:
        [schema], _components = msgspec.json.schema_components([operation.asks], ref_template=REF)
        shape = _components[schema["$ref"].rsplit("/", 1)[1]]
        for name, schema_of_field in shape["properties"].items():
            yield _parameter("query", name, schema_of_field, required=False)


def _parameter(where: str, name: str, schema: Schema, *, required: bool) -> Schema:
    return {"in": where, "name": name, "schema": schema, "required": required}


def _request_body(operation: Operation) -> Schema:
    if operation.takes is None:
        return {}
    required = any(field.required for field in msgspec.structs.fields(operation.takes))
    schema = {"$ref": REF.format(name=operation.takes.__name__)}
    return {"requestBody": {"required": required, "content": {JSON: {"schema": schema}}}}


def _success(operation: Operation) -> Schema:
    headers = {
        LIMIT: _header("integer", "Requests allowed per minute."),
        REMAINING: _header("integer", "Requests left in this minute."),
        RESET: _header("integer", "Seconds until the next minute starts."),
    }
    if operation.gives is not BatchSpent:
        headers[BALANCE] = _header("string", "Current balance of the account.")
        headers[AVAILABLE] = _header("string", "Credits available to spend: balance less held.")
    if operation.is_write and operation.gives is not BatchSpent:
        headers[REPLAYED] = _header("string", "`true` if this is a repeat that changed nothing.")
    if operation.gives is EntriesPage:
        headers["Link"] = _header("string", "Next page, as rel=next.")
    schema = {"$ref": REF.format(name=operation.gives.__name__)}
    return {
        "description": HTTPStatus(operation.status).phrase,
        "headers": headers,
        "content": {JSON: {"schema": schema}},
    }


def _refusals(operation: Operation) -> Schema:
    errors: list[type[DomainError]] = [*ALWAYS, *operation.refuses]
    errors += OF_WRITES if operation.is_write else [InvalidRequest] if operation.asks else []
    codes: dict[int, set[str]] = {}
    for error in errors:
        codes.setdefault(error.status, set()).add(error.code)
    return {str(status): _refusal(status, sorted(codes[status])) for status in sorted(codes)}


def _refusal(status: int, codes: list[str]) -> Schema:
    name = SHORT_OF_CREDITS if status == InsufficientCredits.status else "Problem"
    refusal: Schema = {
        "description": ", ".join(f"`{code}`" for code in codes),
        "content": {PROBLEM_JSON: {"schema": {"$ref": REF.format(name=name)}}},
    }
    if status in {RateLimited.status, Unavailable.status}:
        refusal["headers"] = {"Retry-After": _header("integer", "Seconds to wait before retrying.")}
    return refusal


def _header(kind: str, description: str) -> Schema:
    return {"schema": {"type": kind}, "description": description}
