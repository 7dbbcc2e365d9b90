"""Tokens that let nobody in: how each is made."""

from __future__ import annotations

from typing import Any

FORGED: dict[str, dict[str, Any]] = {
    "another audience": {"claims": {"aud": "account"}},
    "the audience of id tokens": {"claims": {"aud": "credits-web"}},
    "no audience": {"claims": {"aud": None}},
    "another issuer": {"claims": {"iss": "https://evil.example/realms/demo"}},
    "no issuer": {"claims": {"iss": None}},
    "expired": {"expires_in": -60},
    "no expiry": {"claims": {"exp": None}},
    "no time of issue": {"claims": {"iat": None}},
    "a time of issue that is no time": {"claims": {"iat": ["x"]}},
    "not yet valid": {"claims": {"nbf": 4_000_000_000}},
    "a subject too long to be one": {"claims": {"sub": "x" * 256}},
    "a subject the database can't hold": {"claims": {"sub": "a\x00b"}},
    "a refresh token": {"claims": {"typ": "Refresh"}},
    "bound to a key of the sender's by DPoP": {"claims": {"typ": "DPoP", "cnf": {"jkt": "0ZcOC"}}},
    "the same that calls itself Bearer": {"claims": {"cnf": {"jkt": "0ZcOC"}}},
    "bound to a certificate of the sender's": {"claims": {"cnf": {"x5t#S256": "bwcK0"}}},
    "a nonce, as only id tokens have": {"claims": {"typ": None, "nonce": "n"}},
    "the hash of an access token, as only id tokens have": {"claims": {"nonce": "n", "at_hash": "h"}},
    "an unpublished key": {"key": "wrong"},
    "no signature": {"alg": "none"},
    "the public key as a shared secret": {"alg": "HS256"},
    "another RSA algorithm": {"alg": "RS512"},
    "an unknown key id": {"kid": "junk"},
}
