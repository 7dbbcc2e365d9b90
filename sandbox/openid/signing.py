"""Manage the provider's RSA keys and sign with them, correctly or in ways that a service must reject.

The keys are django-oauth-toolkit's own settings, as PEM: it publishes them.
"""

import base64
import hmac
import json
import re
from functools import cache
from typing import Any

import jwt
from jwcrypto.jwk import JWK
from oauth2_provider.settings import oauth2_settings
from oauth2_provider.utils import jwk_from_pem

from sandbox.settings import STATE_DIR

_FILE = STATE_DIR / "openid-keys.pem"
_PEM_BLOCK = re.compile(r"-----BEGIN .*?-----END [^\n]*\n", re.DOTALL)


def load_keys() -> None:
    """Use the keys of the state folder, or a new one."""
    stored = _PEM_BLOCK.findall(_FILE.read_text()) if _FILE.exists() else []
    _use(stored or [_generate()])


def rotate(*, drop_old: bool) -> JWK:
    """Sign with a new key from now on; the old ones stay published unless dropped."""
    former = [] if drop_old else _list_pems()
    _use([_generate(), *former])
    return published_keys()[0]


def published_keys() -> list[JWK]:
    """Return all keys whose tokens are valid, the one that signs first."""
    return [jwk_from_pem(pem) for pem in _list_pems()]


def is_ours(token: str) -> bool:
    """Return whether a published key signed the token, however long ago."""
    for key in published_keys():
        try:
            jwt.decode(
                token,
                key.export_to_pem(),
                algorithms=["RS256"],
                options={"verify_exp": False, "verify_aud": False},
            )
        except jwt.PyJWTError:
            continue
        return True
    return False


def sign(claims: dict[str, Any], *, key: str, alg: str, kid: str | None, typ: str) -> str:
    """Return a token with these claims. `key="wrong"` signs with an unpublished key, under the published one's name.

    `alg="none"` omits the signature; `alg="HS256"` uses the public key as a shared secret, the confusion of RFC 8725,
    section 2.1. `kid` names another key than the one that signed.
    """
    current = published_keys()[0]
    header = {"kid": kid or current.thumbprint(), "typ": typ}
    if alg == "HS256":
        return _sign_with_public_key(claims, header)
    if alg == "none":
        return jwt.encode(claims, "", algorithm="none", headers=header)
    pem = _unpublished_key() if key == "wrong" else oauth2_settings.OIDC_RSA_PRIVATE_KEY
    return jwt.encode(claims, pem, algorithm=alg, headers=header)


def _sign_with_public_key(claims: dict[str, Any], header: dict[str, str]) -> str:
    parts = [_encode(json.dumps(part).encode()) for part in ({**header, "alg": "HS256"}, claims)]
    signature = hmac.digest(published_keys()[0].export_to_pem(), ".".join(parts).encode(), "sha256")
    return ".".join([*parts, _encode(signature)])


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@cache
def _unpublished_key() -> str:
    return _generate()


def _generate() -> str:
    pem: bytes = JWK.generate(kty="RSA", size=2048).export_to_pem(private_key=True, password=None)
    return pem.decode()


def _list_pems() -> list[str]:
    return [oauth2_settings.OIDC_RSA_PRIVATE_KEY, *oauth2_settings.OIDC_RSA_PRIVATE_KEYS_INACTIVE]


def _use(pems: list[str]) -> None:
    oauth2_settings.OIDC_RSA_PRIVATE_KEY, *oauth2_settings.OIDC_RSA_PRIVATE_KEYS_INACTIVE = pems
    _FILE.touch(mode=0o600)
    _FILE.write_text("".join(pems))
