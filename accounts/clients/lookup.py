"""Run the one query of a service's request.

Written by hand: it runs before each spend, and the ORM takes longer to build the statement than PostgreSQL to run it
(docs/decisions/api-keys.md). Nothing is cached, so a disabled client or revoked key is refused immediately.
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from core.database.statements import call

_BY_OIDC_ID = """SELECT id, name, scopes, requests_per_minute, is_active,
        coalesce(last_used_at < statement_timestamp() - interval '1 minute', true)
    FROM clients_apiclient WHERE oidc_client_id = %s"""
_BY_PREFIX = """SELECT c.id, c.name, c.scopes, c.requests_per_minute, c.is_active,
        coalesce(c.last_used_at < statement_timestamp() - interval '1 minute', true),
        k.id, k.secret_hash, k.scopes, k.revoked_at IS NOT NULL,
        coalesce(k.expires_at <= statement_timestamp(), false),
        coalesce(k.last_used_at < statement_timestamp() - interval '1 minute', true)
    FROM clients_apikey k JOIN clients_apiclient c ON c.id = k.client_id WHERE k.prefix = %s"""


class ClientRow(NamedTuple):
    """The columns of `ApiClient` that a request needs. ``use_is_old``: no use was recorded in the last minute."""

    id: UUID
    name: str
    scopes: list[str]
    requests_per_minute: int | None
    is_active: bool
    use_is_old: bool


class KeyRow(NamedTuple):
    """The columns of `ApiKey` that a request needs. ``scopes`` None: all of the client's."""

    id: int
    secret_hash: str
    scopes: list[str] | None
    is_revoked: bool
    is_expired: bool
    use_is_old: bool


def find_client(oidc_client_id: str) -> ClientRow | None:
    """Return the client with this id at the provider."""
    rows = call(_BY_OIDC_ID, [oidc_client_id])
    return ClientRow(*rows[0]) if rows else None


def find_key(prefix: str) -> tuple[ClientRow, KeyRow] | None:
    """Return the key with this prefix, and its client."""
    rows = call(_BY_PREFIX, [prefix])
    return (ClientRow(*rows[0][:6]), KeyRow(*rows[0][6:])) if rows else None
