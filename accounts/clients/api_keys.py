"""Create and revoke API keys. The plain text exists only in what `create_key` returns."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hmac import compare_digest

import structlog
from django.db.models.functions import Now
from django.utils import timezone

from accounts.clients.errors import InvalidKeyRequest
from accounts.clients.models import PREFIX_PATTERN, ApiClient, ApiKey

logger = structlog.get_logger(__name__)

START = "pck_"
PREFIX_BYTES = 6
SECRET_BYTES = 32
# A fixed shape: scanners for leaked secrets can find it, and no other text reaches the database.
KEY = re.compile(rf"{START}({PREFIX_PATTERN})_[0-9a-f]{{{2 * SECRET_BYTES}}}")


@dataclass(frozen=True)
class NewKey:
    """A new key. ``secret`` is the whole key, ``pck_<prefix>_<secret>``, to be shown once and never stored."""

    key: ApiKey
    secret: str = field(repr=False)


def create_key(
    client: ApiClient,
    *,
    name: str,
    scopes: Iterable[str] | None = None,
    expires_at: datetime | None = None,
) -> NewKey:
    """Create a key for the client. ``scopes`` None: all of the client's scopes, now and later.

    Raises:
        InvalidKeyRequest: no scope, a scope that the client lacks, or an expiry that has passed.
    """
    chosen = None if scopes is None else sorted(set(scopes))
    _check_request(client, name, chosen, expires_at)
    prefix = secrets.token_hex(PREFIX_BYTES)
    secret = f"{START}{prefix}_{secrets.token_hex(SECRET_BYTES)}"
    key = ApiKey.objects.create(
        client=client,
        name=name,
        prefix=prefix,
        secret_hash=hash_key(secret),
        scopes=chosen,
        expires_at=expires_at,
    )
    logger.info("api_key_created", client=str(client.pk), prefix=prefix)
    return NewKey(key, secret)


def revoke_key(key: ApiKey) -> bool:
    """Revoke the key for good, from the next request on. Return False if it was already revoked."""
    revoked = ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now())
    key.refresh_from_db()
    if revoked:
        logger.info("api_key_revoked", client=str(key.client_id), prefix=key.prefix)
    return bool(revoked)


def read_prefix(text: str) -> str | None:
    """Return the prefix of a text that has a key's shape, else None."""
    found = KEY.fullmatch(text)
    return found[1] if found else None


def hash_key(text: str) -> str:
    """Return the stored hash of a key; `ApiKey` explains why this hash is enough."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_key(text: str, secret_hash: str) -> bool:
    """Return whether the hash is this key's, compared in constant time."""
    return compare_digest(hash_key(text), secret_hash)


def _check_request(
    client: ApiClient, name: str, scopes: list[str] | None, expires_at: datetime | None
) -> None:
    if not name.strip():
        raise InvalidKeyRequest("Enter a name for the key.")
    if scopes is not None and (not scopes or not set(scopes) <= set(client.scopes)):
        raise InvalidKeyRequest("Choose one or more of the client's scopes.", scopes=scopes)
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidKeyRequest("The expiry date must be in the future.")
