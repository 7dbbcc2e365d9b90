"""Execute a request once per `Idempotency-Key`, and repeat its answer."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sandbox import clock, store
from sandbox.models import SavedAnswer
from sandbox.stripe_api.errors import ApiError
from sandbox.stripe_api.permissions import ApiKey

_KEPT_S = 24 * 60 * 60
_in_progress: set[tuple[str, str]] = set()
_in_progress_lock = threading.Lock()


@dataclass(frozen=True)
class Answer:
    """Hold an answer. `saved` tells whether it is saved under an idempotency key."""

    status: int
    body: str
    request_id: str
    saved: bool = True
    replayed: bool = False


@dataclass(frozen=True)
class Request:
    """Hold what the API uses of an HTTP request. `form` is nested but not yet checked."""

    api_key: ApiKey
    id: str
    method: str
    path: str
    form: dict[str, Any]
    key: str | None

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(json.dumps(self.form, sort_keys=True).encode()).hexdigest()


def answer_once(request: Request, execute: Callable[[], Answer]) -> Answer:
    """Return the answer saved under the request's key, if any, or else that of `execute`, and save it.

    Keys are separate per API key. Raises ApiError if the key was used for another request, or its first request is
    still in progress.
    """
    if request.key is None:
        return execute()
    with _claiming(request.api_key.key, request.key):
        fresh = SavedAnswer.objects.filter(created__gt=clock.get_now() - _KEPT_S)
        saved = fresh.filter(api_key=request.api_key.key, key=request.key).first()
        if saved is not None:
            return _replay(saved, request)
        answer = execute()
        if answer.saved:
            _save(request, answer)
        return answer


@contextmanager
def _claiming(api_key: str, key: str) -> Iterator[None]:
    claim = (api_key, key)
    with _in_progress_lock:
        if claim in _in_progress:
            raise ApiError(
                "There is currently another in-progress request using this Idempotent Key (that probably means you"
                " submitted twice, and the other request is still going through):"
                f" {key}. Please try again later.",
                status=409,
                code="idempotency_key_in_use",
                saved=False,
            )
        _in_progress.add(claim)
    try:
        yield
    finally:
        with _in_progress_lock:
            _in_progress.discard(claim)


def _replay(saved: SavedAnswer, request: Request) -> Answer:
    advice = f"Try using a key other than '{request.key}' if you meant to execute a different request."
    if saved.endpoint != request.path:
        message = (
            "Keys for idempotent requests can only be used for the same endpoint they were first used for"
            f" ('{request.path}' vs '{saved.endpoint}'). {advice}"
        )
        raise ApiError(message, type="idempotency_error", saved=False)
    if saved.fingerprint != request.fingerprint:
        message = (
            "Keys for idempotent requests can only be used with the same parameters they were first used with."
            f" {advice}"
        )
        raise ApiError(message, type="idempotency_error", saved=False)
    return Answer(saved.status, saved.body, saved.request_id, replayed=True)


def _save(request: Request, answer: Answer) -> None:
    with store.writing():
        SavedAnswer.objects.update_or_create(
            api_key=request.api_key.key,
            key=request.key,
            defaults={
                "endpoint": request.path,
                "fingerprint": request.fingerprint,
                "status": answer.status,
                "body": answer.body,
                "request_id": answer.request_id,
                "created": clock.get_now(),
            },
        )
