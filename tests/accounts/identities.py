"""Identities, as a token's claims state them."""

from __future__ import annotations

from typing import Any

from accounts.people import Identity

NOW = 1_800_000_000


def identify(sub: str = "one", *, at: int = NOW, roles: list[str] | None = None, **claims: Any) -> Identity:
    said = {"sub": sub, "iat": at, "realm_access": {"roles": roles or []}, **claims}
    return Identity.from_claims({"preferred_username": "ann", **said})
