"""Handle every request of a service: authenticate, authorize, limit, parse, call one function, render.

Plain Django views: DRF costs more than a spend itself (docs/decisions/hot-path-http.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import structlog
from django.conf import settings
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse
from structlog.contextvars import bind_contextvars

from accounts.clients.authentication import Client, authenticate_client, require_scope
from accounts.clients.models import Scope
from accounts.limits.rates import Rate, check_account_rate, check_client_rate
from core.errors import DomainError, Unexpected
from core.outages import outage_of
from core.problems import problem_response
from credits.api.errors import MethodNotAllowed
from credits.api.lines import Turn
from credits.api.parsing import decoder_of, read_body, read_key, read_query, wrong
from credits.api.shapes import Reply, Request
from credits.errors import InsufficientCredits, InvalidEntry
from credits.formatting import plain
from credits.ledger.selectors import Balance

logger = structlog.get_logger(__name__)

JSON = "application/json"
BALANCE, AVAILABLE = "Credits-Balance", "Credits-Available"
REPLAYED = "Idempotent-Replayed"
LIMIT, REMAINING, RESET = "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"

encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Call:
    """The client of a request, and the business key: the client's own, made unique among clients. Reads have none."""

    client: Client
    request: HttpRequest
    turn: Turn
    key: str = ""

    def business_key(self, key: str) -> str:
        """Return the key, made unique to this client: services can't use up each other's keys, or the ledger's."""
        return f"{self.client.id}:{key}"

    @property
    def bound_to(self) -> UUID | None:
        """Return the client, if it may use only its own holds; None for one that acts for others."""
        return None if Scope.ACT_FOR_OTHERS in self.client.scopes else self.client.id

    def count(self, account: UUID) -> None:
        """Count a request for this account. Raises RateLimited above the limit per minute."""
        check_account_rate(account)

    def count_write(self, account: UUID) -> None:
        """Count a request that locks the account's row. Raises RateLimited, and Busy if too many wait already."""
        check_account_rate(account)
        self.turn.wait_at(account)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. ``standing`` is the account's current balance, for the headers; ``replayed``: a repeated write."""

    body: Reply
    standing: Balance | None = None
    replayed: bool = False
    next_page: str = ""


@dataclass(frozen=True)
class Operation:
    """One method of one URL, both as it runs and as it is documented.

    ``function`` takes a `Call`, the parsed body or query if any, and what the URL names. ``refuses`` lists the errors
    of its own, without those that every operation has.
    """

    function: Callable[..., Answer]
    method: str
    scope: Scope
    gives: type[Reply]
    takes: type[Request] | None = None
    asks: type[Request] | None = None
    status: int = 200
    refuses: tuple[type[DomainError], ...] = ()

    @property
    def is_write(self) -> bool:
        return self.method == "POST"


def operation(
    method: str, scope: Scope, gives: type[Reply], **described: Any
) -> Callable[[Callable[..., Answer]], Operation]:
    """Make an `Operation` of the function, documented by its name and docstring."""
    return lambda function: Operation(function, method, scope, gives, **described)


class Endpoint:
    """The view of one URL."""

    # Cookies mean nothing here, so there is nothing to forge.
    csrf_exempt = True
    past_the_pages = True  # see core.service_fast_path

    def __init__(self, *operations: Operation) -> None:
        self.operations = {operation.method: operation for operation in operations}
        self.name = operations[0].function.__name__  # labels the metrics
        self.decoders = {
            operation.method: decoder_of(operation.takes) for operation in operations if operation.takes
        }

    def __call__(self, request: HttpRequest, **named: Any) -> HttpResponse:
        try:
            return self._answer(request, named)
        except DomainError as error:
            return _refusal(error)
        except Exception as error:
            if outage := outage_of(error):
                return problem_response(outage)
            if settings.DEBUG_PROPAGATE_EXCEPTIONS:
                raise
            logger.exception("request_failed_unexpectedly")
            got_request_exception.send(sender=type(self), request=request)
            return problem_response(Unexpected("Internal error."))

    def _answer(self, request: HttpRequest, named: dict[str, Any]) -> HttpResponse:
        client = authenticate_client(request.META.get("HTTP_AUTHORIZATION", ""))
        bind_contextvars(client=str(client.id))
        rate = check_client_rate(client.id, client.requests_per_minute)
        method = "GET" if request.method == "HEAD" else request.method
        asked = self.operations.get(method or "")
        if asked is None:
            raise MethodNotAllowed("Method not allowed.", allowed=sorted(self.operations))
        require_scope(client, asked.scope)
        key = read_key(request) if asked.is_write else ""
        parsed = self._parse(request, asked)
        with Turn() as turn:
            answer = asked.function(Call(client, request, turn, key), *parsed, **named)
        return _render(asked, rate, answer)

    def _parse(self, request: HttpRequest, asked: Operation) -> tuple[Request, ...]:
        if asked.takes:
            return (read_body(request, self.decoders[asked.method]),)
        return (read_query(request.GET, asked.asks),) if asked.asks else ()


def _render(asked: Operation, rate: Rate, answer: Answer) -> HttpResponse:
    response = HttpResponse(encode(answer.body), JSON, status=asked.status)
    headers = response.headers
    headers["Cache-Control"] = "no-store"
    headers[LIMIT], headers[REMAINING], headers[RESET] = (str(number) for number in rate)
    if answer.standing is not None:
        _show_standing(response, answer.standing)
    if answer.replayed:
        headers[REPLAYED] = "true"
    if answer.next_page:
        headers["Link"] = f'<{answer.next_page}>; rel="next"'
    return response


def _refusal(error: DomainError) -> HttpResponse:
    # What the ledger can't store is reported as a wrong field, like what the shapes refuse.
    if isinstance(error, InvalidEntry) and "field" in error.params:
        error = wrong(error.params["field"], error.code, error.message)
    response = problem_response(error)
    if isinstance(error, InsufficientCredits) and error.params["held"] is not None:
        _show_standing(
            response, Balance(error.params["account"], error.params["balance"], error.params["held"])
        )
    return response


def _show_standing(response: HttpResponse, standing: Balance) -> None:
    response.headers[BALANCE] = plain(standing.balance)
    response.headers[AVAILABLE] = plain(standing.available)
