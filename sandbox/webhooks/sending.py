"""One attempt to deliver: a POST of its own, signed afresh, and a note of what came back."""

import time
from dataclasses import asdict, dataclass
from typing import Any

import urllib3

from sandbox.models import Attempt, Delivery
from sandbox.webhooks import endpoints
from sandbox.webhooks.signing import sign

_TIMEOUT_S = 10
_BODY_KEPT = 500
_pool = urllib3.PoolManager(num_pools=8, maxsize=16, block=False)


@dataclass(frozen=True)
class Result:
    """What came of an attempt. `status` is None when no answer came; then `error` says why."""

    at: float
    status: int | None
    duration_ms: int
    body: str
    error: str | None = None

    @property
    def is_success(self) -> bool:
        """Only a 2xx is. A redirect is a failure, as at Stripe: it is not followed."""
        return self.status is not None and 200 <= self.status < 300

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def send(delivery: Delivery) -> Result:
    """Make one attempt. Never raises for what the other side does."""
    secret = endpoints.find_secret(delivery.endpoint)
    if secret is None:
        return Result(time.time(), None, 0, "", "the endpoint has been deleted")
    return send_bytes(delivery.url, secret, delivery.payload.encode())


def send_bytes(url: str, secret: str, payload: bytes, *, kept: int = _BODY_KEPT) -> Result:
    """Send a body as it is, signed, and keep so much of the answer's. Never raises for what the other side does."""
    started_at = time.time()
    try:
        answer = _pool.request(
            "POST",
            url,
            body=payload,
            headers=_make_headers(payload, secret),
            timeout=_TIMEOUT_S,
            retries=False,
            redirect=False,
        )
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        return Result(started_at, None, _measure_ms(started_at), "", f"{type(error).__name__}: {error}")
    body = answer.data[:kept].decode(errors="replace")
    return Result(started_at, answer.status, _measure_ms(started_at), body)


def _make_headers(payload: bytes, secret: str) -> dict[str, str]:
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Accept": "*/*; q=0.5, application/xml",
        "Cache-Control": "no-cache",
        "Stripe-Signature": sign(payload, secret),
    }


def _measure_ms(started_at: float) -> int:
    return round((time.time() - started_at) * 1000)


def record_attempt(delivery: Delivery, result: Result, state: str) -> None:
    """Note an attempt and what state it leaves the delivery in. Call it inside `store.writing()`."""
    Attempt.objects.create(delivery=delivery.pk, **result.to_json())
    delivery.state = state
    delivery.failures += not result.is_success
    delivery.save()
