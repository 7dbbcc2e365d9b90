"""`Idempotency-Key`: the same request twice is carried out once, and answered the same."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sandbox import clock, store
from sandbox.models import SavedAnswer
from sandbox.stripe_api.errors import IdempotencyError, KeyInUseError

_KEPT_S = 24 * 60 * 60
_in_flight: set[tuple[str, str]] = set()
_in_flight_lock = threading.Lock()


@dataclass(frozen=True)
class Answer:
    """What goes back to the caller. `saved` tells if it counts under an idempotency key."""

    status: int
    body: str
    request_id: str
    saved: bool = True
    replayed: bool = False


@dataclass(frozen=True)
class KeyedRequest:
    """A request that carries an idempotency key. Keys of different API keys never meet."""

    api_key: str
    key: str
    endpoint: str
    params: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(json.dumps(self.params, sort_keys=True).encode()).hexdigest()


def answer_once(request: KeyedRequest, carry_out: Callable[[], Answer]) -> Answer:
    """The saved answer if there is one, else that of `carry_out`, saved.

    Raises IdempotencyError when the key was used with other parameters and KeyInUseError while the first is under way.
    """
    with _claiming(request):
        saved = _find_saved(request)
        if saved is not None:
            return _replay(saved, request)
        answer = carry_out()
        if answer.saved:
            _save(request, answer)
        return answer


@contextmanager
def _claiming(request: KeyedRequest) -> Iterator[None]:
    claim = (request.api_key, request.key)
    with _in_flight_lock:
        if claim in _in_flight:
            raise KeyInUseError(request.key)
        _in_flight.add(claim)
    try:
        yield
    finally:
        with _in_flight_lock:
            _in_flight.discard(claim)


def _find_saved(request: KeyedRequest) -> SavedAnswer | None:
    """Keys are forgotten after a day, as at Stripe."""
    fresh = SavedAnswer.objects.filter(created__gt=clock.get_now() - _KEPT_S)
    return fresh.filter(api_key=request.api_key, key=request.key).first()


def _replay(saved: SavedAnswer, request: KeyedRequest) -> Answer:
    if saved.endpoint != request.endpoint:
        raise IdempotencyError(
            "Keys for idempotent requests can only be used for the same endpoint they were first used for"
            f" ('{request.endpoint}' vs '{saved.endpoint}'). Try using a key other than '{request.key}' if you meant"
            " to execute a different request."
        )
    if saved.fingerprint != request.fingerprint:
        raise IdempotencyError(
            "Keys for idempotent requests can only be used with the same parameters they were first used with."
            f" Try using a key other than '{request.key}' if you meant to execute a different request."
        )
    return Answer(saved.status, saved.body, saved.request_id, replayed=True)


def _save(request: KeyedRequest, answer: Answer) -> None:
    with store.writing():
        SavedAnswer.objects.update_or_create(
            api_key=request.api_key,
            key=request.key,
            defaults={
                "endpoint": request.endpoint,
                "fingerprint": request.fingerprint,
                "status": answer.status,
                "body": answer.body,
                "request_id": answer.request_id,
                "created": clock.get_now(),
            },
        )
