"""The API calls that came in, so that a test can count them. In memory: it is about this run only."""

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from sandbox import clock


@dataclass
class LoggedCall:
    """One call of the API. `status` is None while it is under way, and when the answer was lost on purpose."""

    request_id: str
    method: str
    path: str
    idempotency_key: str | None
    params: dict[str, Any]
    created: int
    status: int | None = None
    replayed: bool = False


_calls: deque[LoggedCall] = deque(maxlen=10_000)


def log_call(request_id: str, method: str, path: str, idempotency_key: str | None) -> LoggedCall:
    """Note a call at once; its status is filled in when there is one."""
    call = LoggedCall(request_id, method, path, idempotency_key, {}, clock.get_now())
    _calls.append(call)
    return call


def list_calls() -> list[dict[str, Any]]:
    return [asdict(call) for call in list(_calls)]


def clear_calls() -> None:
    _calls.clear()
