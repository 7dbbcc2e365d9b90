"""Count and time the calls to Stripe, each attempt of a retried one."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from prometheus_client import Counter, Histogram

CALLS = Counter(
    "credits_stripe_calls_total",
    "Attempts to call Stripe, by operation and result: ok, missing, declined, refused, unauthorized or unavailable.",
    ["operation", "result"],
)
DURATION = Histogram(
    "credits_stripe_call_duration_seconds",
    "How long attempts to call Stripe took.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 4, 10, 20),
)
UNAVAILABLE = "unavailable"
RESULTS = {
    401: "unauthorized",
    402: "declined",
    403: "unauthorized",
    404: "missing",
    409: UNAVAILABLE,
    429: UNAVAILABLE,
}

# Their paths have no id: /v1/account. Others are in a namespace: /v1/checkout/sessions.
SINGLE = {"account", "balance"}
NAMESPACES = {"billing", "billing_portal", "checkout", "tax"}
VERBS = {"GET": ("list", "retrieve"), "POST": ("create", "update"), "DELETE": ("delete", "delete")}

# All that we, and dj-stripe in our name, ask of Stripe; a test holds it complete.
OPERATIONS = (
    "account.retrieve",
    "balance_transactions.list",
    "balance_transactions.retrieve",
    *(f"billing_portal.configurations.{verb}" for verb in ("create", "list", "update")),
    "billing_portal.sessions.create",
    *(f"charges.{verb}" for verb in ("list", "retrieve")),
    *(f"checkout.sessions.{verb}" for verb in ("create", "expire", "list", "retrieve")),
    *(f"customers.{verb}" for verb in ("create", "delete", "list", "retrieve", "update")),
    *(f"disputes.{verb}" for verb in ("list", "retrieve")),
    *(f"invoices.{verb}" for verb in ("lines", "list", "retrieve")),
    *(f"payment_intents.{verb}" for verb in ("cancel", "create", "list", "retrieve")),
    *(f"payment_methods.{verb}" for verb in ("detach", "list", "retrieve")),
    *(f"prices.{verb}" for verb in ("create", "list", "retrieve", "update")),
    *(f"products.{verb}" for verb in ("create", "features", "list", "retrieve", "update")),
    *(f"refunds.{verb}" for verb in ("create", "list", "retrieve")),
    "setup_intents.list",
    *(f"subscriptions.{verb}" for verb in ("delete", "list", "retrieve", "update")),
    *(f"webhook_endpoints.{verb}" for verb in ("create", "list")),
)

# Shown at 0, so that a first failure is a rise.
for _operation in OPERATIONS:
    for _result in ("ok", "refused", "unauthorized", UNAVAILABLE):
        CALLS.labels(_operation, _result)

T = TypeVar("T")


def operation_of(method: str, url: str) -> str:
    """Name an operation without its ids, as stripe-python names it: ``checkout.sessions.expire``."""
    parts = urlsplit(url).path.strip("/").split("/")[1:]
    length = 2 if parts[0] in NAMESPACES else 1
    resource, rest = parts[:length], parts[length:]
    if len(rest) > 1:  # below an object: /v1/refunds/re_1/cancel
        return ".".join([*resource, rest[1]])
    if parts[0] in SINGLE:
        return ".".join([*resource, "retrieve"])
    return ".".join([*resource, VERBS[method.upper()][len(rest)]])


def counting_call(method: str, url: str, call: Callable[[], tuple[T, int, Any]]) -> tuple[T, int, Any]:
    """Make one attempt, count its result and its time, and return the answer: body, status and headers."""
    operation, began = operation_of(method, url), time.monotonic()
    result = UNAVAILABLE
    try:
        answer = call()
        result = _result_of(answer[1])
        return answer
    finally:
        DURATION.observe(time.monotonic() - began)
        CALLS.labels(operation, result).inc()


def _result_of(status: int) -> str:
    if status < 400:
        return "ok"
    return RESULTS.get(status) or (UNAVAILABLE if status >= 500 else "refused")
