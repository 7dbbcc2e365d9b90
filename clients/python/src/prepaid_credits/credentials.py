"""Authenticate by an API key, or by a token for client credentials, renewed in time."""

from __future__ import annotations

import threading
import time
from urllib.parse import quote_plus

import httpx

from prepaid_credits.errors import NoAnswer, ServerError, TokenRefused
from prepaid_credits.retrying import read_retry_after

# How long before its expiry a token is renewed; a short-lived one after four fifths of its life.
RENEW_AHEAD_S = 30.0
DEFAULT_LIFETIME_S = 60.0


class ApiKey:
    """Use a key created in the admin, ``pck_…``."""

    def __init__(self, key: str) -> None:
        self._header = f"Bearer {key}"

    def authorization(self) -> str:
        """Return the Authorization header of the next request."""
        return self._header

    def renew(self, refused: str) -> bool:
        """Tell, after a 401, whether another header than the refused one may work."""
        return False


class ClientCredentials:
    """Use the provider's token for ``client_id`` and ``client_secret``, until shortly before its expiry.

    When threads share it, one of them gets a new token and the others wait for it.
    """

    def __init__(self, http: httpx.Client, token_url: str, client_id: str, client_secret: str) -> None:
        self._http = http
        self._token_url = token_url
        # Encoded before they go into the Basic header (RFC 6749, 2.3.1).
        self._auth = (quote_plus(client_id), quote_plus(client_secret))
        self._lock = threading.Lock()
        self._header = ""
        self._renew_at = 0.0

    def authorization(self) -> str:
        """Return the Authorization header of the next request. May ask the provider, and raise its errors."""
        with self._lock:
            if time.monotonic() >= self._renew_at:
                self._fetch()
            return self._header

    def renew(self, refused: str) -> bool:
        with self._lock:
            if self._header == refused:
                self._renew_at = 0.0
        return True

    def _fetch(self) -> None:
        asked_at = time.monotonic()
        try:
            answer = self._http.post(
                self._token_url, data={"grant_type": "client_credentials"}, auth=self._auth
            )
        except httpx.RequestError as error:
            raise NoAnswer(f"The token provider didn't answer: {type(error).__name__}.") from error
        document = _read_token(answer)
        lifetime_s = float(document.get("expires_in") or DEFAULT_LIFETIME_S)
        self._header = f"Bearer {document['access_token']}"
        self._renew_at = asked_at + lifetime_s - min(RENEW_AHEAD_S, lifetime_s / 5)


Credentials = ApiKey | ClientCredentials


def _read_token(answer: httpx.Response) -> dict[str, str]:
    if answer.status_code >= 500 or answer.status_code == 429:
        failed = ServerError(answer.status_code, "provider_failed", "The token provider failed.")
        failed.retry_after_s = read_retry_after(answer.headers.get("Retry-After"))
        raise failed
    try:
        document = answer.json()
    except ValueError:
        document = {}
    if not isinstance(document, dict):
        document = {}
    if answer.status_code != 200 or "access_token" not in document:
        # Only the standard's error code: the rest of the answer may repeat what was sent.
        reason = document.get("error", "no token in its answer")
        raise TokenRefused(f"The provider issued no token: {answer.status_code} {reason}.")
    return document
