"""Manage the provider's RSA keys and sign with them, correctly or in ways that a service must reject."""

import base64
import hmac
import json
import re
import threading
from functools import cache
from typing import Any

import jwt
from jwcrypto.jwk import JWK

from sandbox.settings import STATE_DIR

_FILE = STATE_DIR / "openid-keys.pem"
_PEM_BLOCK = re.compile(rb"-----BEGIN .*?-----END [^\n]*\n", re.DOTALL)
_lock = threading.Lock()
_keys: list[JWK] = []


def published_keys() -> list[JWK]:
    """Return all keys whose tokens are valid, the one that signs first."""
    with _lock:
        if not _keys:
            _keys.extend(_load() or [_generate()])
            _save()
        return list(_keys)


def find_key(kid: str | None) -> JWK | None:
    return next((key for key in published_keys() if key.thumbprint() == kid), None)


def rotate(*, drop_old: bool) -> JWK:
    """Sign with a new key from now on; the old ones stay published unless dropped."""
    former = published_keys()
    with _lock:
        _keys[:] = [_generate()] if drop_old else [_generate(), *former]
        _save()
        return _keys[0]


def sign(claims: dict[str, Any], *, key: str, alg: str, kid: str | None, typ: str) -> str:
    """Return a token with these claims. `key="wrong"` signs with an unpublished key, under the published one's name.

    `alg="none"` omits the signature; `alg="HS256"` uses the public key as a shared secret, the confusion of RFC 8725,
    section 2.1. `kid` names another key than the one that signed.
    """
    current = published_keys()[0]
    signer = _unpublished_key() if key == "wrong" else current
    header = {"kid": kid or current.thumbprint(), "typ": typ}
    if alg == "HS256":
        return _sign_with_public_key(claims, header)
    if alg == "none":
        return jwt.encode(claims, "", algorithm="none", headers=header)
    return jwt.encode(claims, _to_pem(signer), algorithm=alg, headers=header)


def _sign_with_public_key(claims: dict[str, Any], header: dict[str, str]) -> str:
    parts = [_encode(json.dumps(part).encode()) for part in ({**header, "alg": "HS256"}, claims)]
    signature = hmac.digest(published_keys()[0].export_to_pem(), ".".join(parts).encode(), "sha256")
    return ".".join([*parts, _encode(signature)])


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@cache
def _unpublished_key() -> JWK:
    return _generate()


def _generate() -> JWK:
    return JWK.generate(kty="RSA", size=2048)


def _load() -> list[JWK]:
    stored = _FILE.read_bytes() if _FILE.exists() else b""
    return [JWK.from_pem(pem) for pem in _PEM_BLOCK.findall(stored)]


def _to_pem(key: JWK) -> bytes:
    pem: bytes = key.export_to_pem(private_key=True, password=None)
    return pem


def _save() -> None:
    _FILE.touch(mode=0o600)
    _FILE.write_bytes(b"".join(_to_pem(key) for key in _keys))
