"""Cache the provider's public keys, so that checking a token needs no network.

Keys are fetched when first needed, when an unknown key id appears (the provider has rotated them), and every five
minutes: for so long a key that the provider has withdrawn can still be used here.
Each process asks at most once in ``REFETCH_INTERVAL_S``, so a flood of tokens with invented key ids never reaches the
provider. An unknown key is refused only after a fetch without it: until then the token may be valid. While the provider
can't be reached, the last keys stay in use.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import jwt
import requests
import structlog
from django.conf import settings

from accounts.errors import InvalidTokenError, ProviderUnavailableError
from accounts.sign_in.provider import get_endpoint

REFETCH_INTERVAL_S = 5.0
# How long a request waits for another's fetch, so that a hanging provider blocks one thread and not all.
LONGEST_WAIT_S = 1.0
MAX_AGE_S = 300.0
_NEVER = float("-inf")

logger = structlog.get_logger(__name__)


class KeySet:
    """The keys published at one URL (RFC 7517)."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._missing = ""  # the key id that the last fetch was for and didn't find
        self._fetched_at = _NEVER
        self._tried_at = _NEVER
        self._lock = threading.Lock()

    def find(self, kid: str) -> jwt.PyJWK:
        """Return a key by id. Raises InvalidTokenError if unknown, ProviderUnavailableError if it can't be fetched."""
        if kid not in self._keys or time.monotonic() - self._fetched_at > MAX_AGE_S:
            self._refetch(kid)
        if key := self._keys.get(kid):
            return key
        if kid == self._missing:
            raise InvalidTokenError("The token is signed with an unknown key.", reason="unknown_kid")
        raise ProviderUnavailableError("The keys can't be fetched now.", reason="keys_not_fetched")

    def _refetch(self, kid: str) -> None:
        """Fetch the keys in one thread. Threads that have a key use it; the others wait for the result."""
        if not self._lock.acquire(timeout=0 if kid in self._keys else LONGEST_WAIT_S):
            return
        try:
            if time.monotonic() - self._tried_at >= REFETCH_INTERVAL_S:
                self._fetch(kid)
        finally:
            self._lock.release()

    def _fetch(self, kid: str) -> None:
        try:
            answer = requests.get(self.url, timeout=settings.OIDC_TIMEOUT)
            answer.raise_for_status()
            self._keys = _read_keys(answer.json())
            self._missing = "" if kid in self._keys else kid
            self._fetched_at = time.monotonic()
        except (requests.RequestException, ValueError, RecursionError) as error:
            logger.warning("oidc_keys_unreachable", error=type(error).__name__)
        finally:
            self._tried_at = time.monotonic()


def _read_keys(document: Any) -> dict[str, jwt.PyJWK]:
    """Return the document's RSA signing keys by id. Raises ValueError if it has none."""
    listed = document.get("keys", []) if isinstance(document, dict) else []
    keys = {entry["kid"]: jwt.PyJWK(entry, "RS256") for entry in listed if _is_signing_key(entry)}
    if not keys:
        raise ValueError("no usable key in the key set")
    return keys


def _is_signing_key(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("kid"), str)
        and entry.get("kty") == "RSA"
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", "RS256") == "RS256"
    )


_key_sets: dict[str, KeySet] = {}


def find_key(kid: str) -> jwt.PyJWK:
    """Return the configured provider's key with this id; raises as ``KeySet.find`` does."""
    url = get_endpoint("OIDC_OP_JWKS_ENDPOINT")
    return _key_sets.setdefault(url, KeySet(url)).find(kid)


def forget_keys() -> None:
    """Clear the cache, as in a new process; for tests."""
    _key_sets.clear()
