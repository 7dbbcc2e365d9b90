"""Make one attempt to deliver: a POST, newly signed, and a record of the answer."""

import hashlib
import hmac
import time
from dataclasses import asdict, dataclass
from typing import Any

import urllib3

from sandbox.models import Delivery, Record

ENDPOINT_DELETED = "the endpoint has been deleted"
_TIMEOUT_S = 10
_BODY_KEPT = 500
_pool = urllib3.PoolManager(num_pools=8, maxsize=16, block=False)


@dataclass(frozen=True)
class Result:
    """Describe the outcome of an attempt. Without an answer, `status` is None and `error` says why."""

    at: float
    status: int | None
    duration_ms: int
    body: str
    error: str | None = None

    @property
    def is_success(self) -> bool:
        """Whether the status is 2xx. A redirect is a failure and isn't followed, as at Stripe."""
        return self.status is not None and 200 <= self.status < 300

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def send(delivery: Delivery) -> Result:
    """Make one attempt. Never raises because of the receiver."""
    endpoint = Record.objects.filter(id=delivery.endpoint, deleted=False).first()
    if endpoint is None:
        return Result(time.time(), None, 0, "", ENDPOINT_DELETED)
    return send_bytes(delivery.url, endpoint.private["secret"], delivery.payload.encode())


def send_bytes(url: str, secret: str, payload: bytes, *, kept: int = _BODY_KEPT) -> Result:
    """Send a body unchanged and signed; keep the beginning of the answer's. Never raises because of the receiver."""
    started_at = time.time()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Accept": "*/*; q=0.5, application/xml",
        "Cache-Control": "no-cache",
        "Stripe-Signature": _sign(payload, secret),
    }
    try:
        answer = _pool.request(
            "POST", url, body=payload, headers=headers, timeout=_TIMEOUT_S, retries=False, redirect=False
        )
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        return Result(started_at, None, _measure_ms(started_at), "", f"{type(error).__name__}: {error}")
    body = answer.data[:kept].decode(errors="replace")
    return Result(started_at, answer.status, _measure_ms(started_at), body)


def _sign(payload: bytes, secret: str) -> str:
    """Return the `Stripe-Signature` header. It has the real time: the receiver compares it with its own clock."""
    now = int(time.time())
    digest = hmac.new(secret.encode(), f"{now}.".encode() + payload, hashlib.sha256).hexdigest()
    return f"t={now},v1={digest}"


def _measure_ms(started_at: float) -> int:
    return round((time.time() - started_at) * 1000)


def record_attempt(delivery: Delivery, result: Result, state: str) -> None:
    """Record an attempt and the resulting state of the delivery. Call inside `store.writing()`."""
    delivery.attempts.append(result.to_json())
    delivery.state = state
    delivery.failures += not result.is_success
    delivery.save()
