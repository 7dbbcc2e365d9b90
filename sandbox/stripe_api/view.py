"""Answer API requests: authenticate, replay, inject faults, check, execute."""

import json
import logging
import socket
import time
from functools import partial

import stripe
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from sandbox import faults, ids, store
from sandbox.models import Fault
from sandbox.payments.states import RefusedError
from sandbox.stripe_api import request_log
from sandbox.stripe_api.errors import ApiError, CardError
from sandbox.stripe_api.expansion import expand
from sandbox.stripe_api.form import decode_form
from sandbox.stripe_api.headers import check_headers, read_api_key
from sandbox.stripe_api.idempotency import Answer, Request, answer_once
from sandbox.stripe_api.parameters import check_parameters
from sandbox.stripe_api.permissions import ApiKey, calling_with, require_permission_for
from sandbox.stripe_api.routing import Call, find_route
from sandbox.webhooks.events import acting_for

_logger = logging.getLogger(__name__)


class _ConnectionLostError(Exception):
    """Stop: the caller is to get no answer."""


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
        logged["params"] = request.form
        answer = _answer(request)
    except _ConnectionLostError:
        return _hang_up(http)
    except ApiError as error:
        answer = _refuse(error, request_id)
    logged.update(status=answer.status, replayed=answer.replayed)
    return _respond(answer, http)


def _read_request(http: HttpRequest, request_id: str, key: str | None, api_key: ApiKey) -> Request:
    method = http.method or "GET"
    encoded = http.body.decode(errors="replace") if method == "POST" else http.META.get("QUERY_STRING", "")
    return Request(
        api_key=api_key,
        id=request_id,
        method=method,
        path=http.path.rstrip("/"),
        form=decode_form(encoded),
        key=key if method == "POST" else None,
    )


def _answer(request: Request) -> Answer:
    """Execute the request once per idempotency key, with the fault that is set for it."""
    fault = faults.take_fault(request.method, request.path)
    if fault is None or faults.is_part_of_the_call(fault):
        return answer_once(request, partial(_execute, request, fault))
    execute = partial(_execute, request, None)
    if fault.after:
        answer = answer_once(request, execute)
        return _fail(fault, request) or answer
    return _fail(fault, request) or answer_once(request, execute)


def _execute(request: Request, fault: Fault | None) -> Answer:
    failed = _fail(fault, request) if fault else None
    if failed is not None:
        return failed
    try:
        return _run(request)
    except ApiError as error:
        return _refuse(error, request.id)
    except RefusedError as error:
        return _refuse(ApiError(str(error), code=error.code, param=error.param), request.id)
    except Exception:
        _logger.exception("%s %s failed", request.method, request.path)
        message = "The sandbox itself failed; its output has the traceback."
        return _refuse(ApiError(message, status=500, type="api_error"), request.id)


def _fail(fault: Fault, request: Request) -> Answer | None:
    """Return the error of a fault, or None if it is only a delay. Raises _ConnectionLostError."""
    time.sleep(fault.delay_ms / 1000)
    if fault.action == faults.CLOSE:
        raise _ConnectionLostError
    if fault.status is None:
        return None
    is_limit = fault.status == 429
    error = ApiError(
        "A fault that was set in the sandbox.",
        status=fault.status,
        type="invalid_request_error" if is_limit else "api_error",
        code="rate_limit" if is_limit else None,
        saved=fault.remember,
    )
    return _refuse(error, request.id)


def _run(request: Request) -> Answer:
    """Route, check and execute a request. Changes are made in one transaction.

    A refusal rolls it back, except that of a card: the attempt and its events stay.
    """
    found, path_ids = find_route(request.method, request.path)
    with calling_with(request.api_key), acting_for(request.id, request.key):
        require_permission_for(request.method, request.path)
        params = check_parameters(request.form, found.accepts)
        call = Call(request.path, path_ids, params, request.api_key.masked)
        if request.method == "GET":
            body = expand(found.answer(call), params.get("expand", []))
        else:
            with store.writing():
                try:
                    body = expand(found.answer(call), params.get("expand", []))
                except CardError as error:
                    return _refuse(error, request.id)
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
    """Close the connection without an answer, like a broken network."""
    connection: socket.socket = http.META["sandbox.connection"]
    connection.shutdown(socket.SHUT_RDWR)
    return HttpResponse(status=500)
