"""The door of the API: who calls, what for, has it been asked before, what goes wrong, and the answer."""

import json
import logging
import socket
from dataclasses import dataclass
from functools import partial
from typing import Any

import stripe
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from sandbox import faults, ids, store
from sandbox.stripe_api import idempotency, request_log
from sandbox.stripe_api.errors import ApiError, ServerError
from sandbox.stripe_api.expansion import expand
from sandbox.stripe_api.form import decode_form
from sandbox.stripe_api.headers import check_headers
from sandbox.stripe_api.idempotency import Answer, KeyedRequest
from sandbox.stripe_api.keys import read_api_key
from sandbox.stripe_api.parameters import check_parameters
from sandbox.stripe_api.permissions import ApiKey, calling_with, require_permission_for
from sandbox.stripe_api.routing import Call, find_route
from sandbox.webhooks.events import acting_for

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Request:
    """An HTTP request reduced to what the API looks at. `form` is nested but not yet checked."""

    api_key: ApiKey
    id: str
    method: str
    path: str
    form: dict[str, Any]
    key: str | None
    base_url: str


@csrf_exempt
def answer_api(http: HttpRequest) -> HttpResponse:
    """Answer any call under ``/v1/``."""
    request_id = ids.make_id("request")
    key = http.headers.get("Idempotency-Key") or None
    logged = request_log.log_call(request_id, http.method or "GET", http.path, key)
    try:
        api_key = read_api_key(http.headers.get("Authorization", ""))
        check_headers(http.headers, api_key)
        request = _read_request(http, request_id, key, api_key)
        logged.params = request.form
        answer = _answer(request)
    except _ConnectionLostError:
        return _hang_up(http)
    except ApiError as error:
        answer = _refuse(error, request_id)
    logged.status, logged.replayed = answer.status, answer.replayed
    return _respond(answer, http)


class _ConnectionLostError(Exception):
    """The answer is not to reach the caller."""


def _read_request(http: HttpRequest, request_id: str, key: str | None, api_key: ApiKey) -> _Request:
    method = http.method or "GET"
    encoded = http.body.decode(errors="replace") if method == "POST" else http.META.get("QUERY_STRING", "")
    return _Request(
        api_key=api_key,
        id=request_id,
        method=method,
        path=http.path.rstrip("/"),
        form=decode_form(encoded),
        key=key if method == "POST" else None,
        base_url=f"{http.scheme}://{http.get_host()}",
    )


def _answer(request: _Request) -> Answer:
    """Carry the request out, once per idempotency key, with whatever misfortune was ordered for it."""
    misfortune = faults.take_fault(request.method, request.path)
    if misfortune is None:
        return _answer_once(request, None)
    if misfortune.is_part_of_the_call:
        return _answer_once(request, misfortune)
    if misfortune.after:
        answer = _answer_once(request, None)
        return _suffer(misfortune, request) or answer
    return _suffer(misfortune, request) or _answer_once(request, None)


def _answer_once(request: _Request, misfortune: faults.Misfortune | None) -> Answer:
    carry_out = partial(_carry_out, request, misfortune)
    if request.key is None:
        return carry_out()
    keyed = KeyedRequest(request.api_key.key, request.key, request.path, request.form)
    return idempotency.answer_once(keyed, carry_out)


def _carry_out(request: _Request, misfortune: faults.Misfortune | None) -> Answer:
    suffered = _suffer(misfortune, request) if misfortune else None
    if suffered is not None:
        return suffered
    try:
        return _run(request)
    except ApiError as error:
        return _refuse(error, request.id)
    except Exception:
        _logger.exception("%s %s failed", request.method, request.path)
        return _refuse(ServerError("The sandbox itself failed; its output has the traceback."), request.id)


def _suffer(misfortune: faults.Misfortune, request: _Request) -> Answer | None:
    """The answer a misfortune leaves the caller with, or None when it only comes late.

    Raises _ConnectionLostError when there is to be no answer at all.
    """
    misfortune.wait()
    if misfortune.action == faults.CLOSE:
        raise _ConnectionLostError
    if misfortune.status is None:
        return None
    error = ServerError("An error that a test ordered from the sandbox.", misfortune.status)
    if misfortune.status == 429:
        error.type, error.code = "invalid_request_error", "rate_limit"
    error.saved = misfortune.remember
    return _refuse(error, request.id)


def _run(request: _Request) -> Answer:
    """Route, check and carry out.

    What changes anything does so in one transaction: a refusal undoes it all.
    """
    found, path_ids = find_route(request.method, request.path)
    with calling_with(request.api_key), acting_for(request.id, request.key):
        require_permission_for(request.method, request.path)
        params = check_parameters(request.form, found.accepts)
        call = Call(request.path, path_ids, params, request.base_url, request.api_key.masked)
        if request.method == "GET":
            body = expand(found.answer(call), params.get("expand", []))
        else:
            with store.writing():
                body = expand(found.answer(call), params.get("expand", []))
    return Answer(200, json.dumps(body, indent=2), request.id)


def _refuse(error: ApiError, request_id: str) -> Answer:
    body = error.to_body()
    body["error"]["request_log_url"] = f"/_sandbox/requests#{request_id}"
    return Answer(error.status, json.dumps(body, indent=2), request_id, saved=error.saved)


def _respond(answer: Answer, http: HttpRequest) -> HttpResponse:
    response = HttpResponse(answer.body, status=answer.status, content_type="application/json")
    response["Request-Id"] = answer.request_id
    if answer.status == 401:
        response["WWW-Authenticate"] = 'Basic realm="Stripe"'
    response["Stripe-Version"] = http.headers.get("Stripe-Version", stripe.api_version)
    if key := http.headers.get("Idempotency-Key"):
        response["Idempotency-Key"] = key
    if answer.replayed:
        response["Idempotent-Replayed"] = "true"
        response["Original-Request"] = answer.request_id
    return response


def _hang_up(http: HttpRequest) -> HttpResponse:
    """Close the connection without a word, as a network does that breaks."""
    connection: socket.socket = http.META["sandbox.connection"]
    connection.shutdown(socket.SHUT_RDWR)
    return HttpResponse(status=500)
