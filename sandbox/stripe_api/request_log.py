"""Log the API calls of this run in memory, so that tests can count them."""

from collections import deque

from sandbox import clock
from sandbox.shapes import Json

_calls: deque[Json] = deque(maxlen=10_000)


def log_call(request_id: str, method: str, path: str, idempotency_key: str | None) -> Json:
    """Log a call at its beginning and return it, for its result. Without an answer, `status` stays None."""
    call: Json = {
        "request_id": request_id,
        "method": method,
        "path": path,
        "idempotency_key": idempotency_key,
        "params": {},
        "created": clock.get_now(),
        "status": None,
        "replayed": False,
    }
    _calls.append(call)
    return call


def list_calls() -> list[Json]:
    return list(_calls)


def clear_calls() -> None:
    _calls.clear()
