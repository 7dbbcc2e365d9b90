"""Send requests: authenticate, retry with the same key, raise typed errors."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from prepaid_credits.amounts import read_json, write_json
from prepaid_credits.credentials import Credentials
from prepaid_credits.errors import ApiError, CreditsError, NoAnswer, UnexpectedAnswer, error_of
from prepaid_credits.retrying import Retrying, read_retry_after

LONGEST_KEY = 160
REPLAYED = "Idempotent-Replayed"


@dataclass(frozen=True, slots=True)
class Request:
    """Describe a request, the same at every attempt. ``token`` is a user's, to use instead of the client's."""

    method: str
    path: str
    body: bytes | None = None
    query: Mapping[str, str] | None = None
    key: str | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold an answer. ``replayed`` tells that the write had already happened."""

    document: dict[str, Any]
    replayed: bool


def write(path: str, key: str, document: Mapping[str, Any]) -> Request:
    """Return a write with its idempotency key. Raises ValueError for an invalid key."""
    return Request("POST", path, write_json(document), key=checked_key(key))


def checked_key(key: str) -> str:
    if not 0 < len(key) <= LONGEST_KEY or not (key.isascii() and key.isprintable()):
        raise ValueError(f"A key must have 1 to {LONGEST_KEY} printable ASCII characters: {key!r}.")
    return key


class Transport:
    """Send requests. Threads may share it."""

    def __init__(
        self, http: httpx.Client, base_url: str, credentials: Credentials, retrying: Retrying
    ) -> None:
        self.http = http
        self.base_url = base_url.rstrip("/")
        self.credentials = credentials
        self.retrying = retrying

    def request(self, request: Request) -> Answer:
        """Send until there is an answer or no attempts are left. Raises the last CreditsError."""
        failures = 0
        while True:
            try:
                return self.send(request)
            except CreditsError as error:
                failures += 1
                if not self._retries(error, failures):
                    raise
                time.sleep(self.retrying.delay_s(failures, error.retry_after_s))

    def send(self, request: Request) -> Answer:
        """Make one attempt, or two if the token must be renewed. Raises CreditsError."""
        try:
            answer = self._send_authenticated(request)
            return Answer(_read(answer), answer.headers.get(REPLAYED) == "true")
        except CreditsError as error:
            error.key = request.key
            raise

    def _retries(self, error: CreditsError, failures: int) -> bool:
        is_too_long = (error.retry_after_s or 0) > self.retrying.longest_wait_s
        return error.is_passing and failures < self.retrying.attempts and not is_too_long

    def _send_authenticated(self, request: Request) -> httpx.Response:
        if request.token is not None:
            return self._send_once(request, f"Bearer {request.token}")
        authorization = self.credentials.authorization()
        answer = self._send_once(request, authorization)
        if answer.status_code == 401 and self.credentials.renew(authorization):
            answer = self._send_once(request, self.credentials.authorization())
        return answer

    def _send_once(self, request: Request, authorization: str) -> httpx.Response:
        headers = {"Authorization": authorization}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        if request.key is not None:
            headers["Idempotency-Key"] = request.key
        try:
            return self.http.request(
                request.method,
                f"{self.base_url}{request.path}",
                content=request.body,
                params=request.query,
                headers=headers,
            )
        except httpx.RequestError as error:
            raise NoAnswer(f"{request.method} {request.path}: {type(error).__name__}.") from error


def _read(answer: httpx.Response) -> dict[str, Any]:
    try:
        document = read_json(answer.content)
    except ValueError:
        document = None
    if answer.status_code >= 400:
        raise _refusal(answer, document if isinstance(document, dict) else {})
    if not answer.is_success or not isinstance(document, dict):
        raise UnexpectedAnswer(f"{answer.request.url.path}: {answer.status_code} without a JSON object.")
    return document


def _refusal(answer: httpx.Response, problem: dict[str, Any]) -> ApiError:
    error = error_of(answer.status_code, problem)
    error.retry_after_s = read_retry_after(answer.headers.get("Retry-After"))
    return error
