"""The provider's RSA keys, and signing with them: rightly, or wrongly, as a service must notice."""

import base64
import hashlib
import hmac
import json
import re
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import RSAAlgorithm

from sandbox.settings import STATE_DIR

_lock = threading.Lock()
_keys: list["SigningKey"] = []
_PEM_BLOCK = re.compile(rb"-----BEGIN .*?-----END [^\n]*\n", re.DOTALL)


@dataclass(frozen=True)
class SigningKey:
    """A private key and the name under which its public half is published."""

    private: RSAPrivateKey

    @property
    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def private_pem(self) -> bytes:
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def kid(self) -> str:
        return hashlib.sha256(self.public_pem).hexdigest()[:32]

    @property
    def public_jwk(self) -> dict[str, Any]:
        jwk = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {"kid": self.kid, "use": "sig", "alg": "RS256", "kty": "RSA", "n": jwk["n"], "e": jwk["e"]}


def published_keys() -> list[SigningKey]:
    """Every key whose tokens are still good, the one that signs first."""
    with _lock:
        if not _keys:
            _keys.extend(_load() or [_generate()])
            _save()
        return list(_keys)


def current_key() -> SigningKey:
    return published_keys()[0]


def find_key(kid: str | None) -> SigningKey | None:
    return next((key for key in published_keys() if key.kid == kid), None)


def rotate(*, drop_old: bool) -> SigningKey:
    """Sign with a new key from now on; the old ones stay published unless they are to be dropped."""
    former = published_keys()
    with _lock:
        _keys[:] = [_generate()] if drop_old else [_generate(), *former]
        _save()
        return _keys[0]


def sign(
    claims: dict[str, Any],
    *,
    key: str = "current",
    alg: str = "RS256",
    kid: str | None = None,
    typ: str = "JWT",
) -> str:
    """A token with these claims. `key="wrong"` signs with a key that nobody published, under the right name.

    `alg="none"` leaves the signature out; `alg="HS256"` uses the public key as a shared secret, the classic
    confusion of RFC 8725, section 2.1. `kid` names another key than the one that signed.
    """
    signer = _unpublished_key() if key == "wrong" else current_key()
    header = {"kid": kid or current_key().kid, "typ": typ}
    if alg == "HS256":
        return _sign_with_public_key(claims, header)
    if alg == "none":
        return jwt.encode(claims, "", algorithm="none", headers=header)
    return jwt.encode(claims, signer.private, algorithm=alg, headers=header)


def _sign_with_public_key(claims: dict[str, Any], header: dict[str, str]) -> str:
    parts = [_encode(json.dumps(part).encode()) for part in ({**header, "alg": "HS256"}, claims)]
    signature = hmac.digest(current_key().public_pem, ".".join(parts).encode(), "sha256")
    return ".".join([*parts, _encode(signature)])


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@cache
def _unpublished_key() -> SigningKey:
    return _generate()


def _generate() -> SigningKey:
    return SigningKey(generate_private_key(public_exponent=65537, key_size=2048))


def _file() -> Path:
    return STATE_DIR / "openid-keys.pem"


def _load() -> list[SigningKey]:
    if not _file().exists():
        return []
    keys = [serialization.load_pem_private_key(pem, None) for pem in _PEM_BLOCK.findall(_file().read_bytes())]
    return [SigningKey(key) for key in keys if isinstance(key, RSAPrivateKey)]


def _save() -> None:
    _file().touch(mode=0o600)
    _file().write_bytes(b"".join(key.private_pem for key in _keys))
