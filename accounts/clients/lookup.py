"""The one query of a service's request.

Written by hand: it runs before each spend, and the ORM takes longer to write this statement than PostgreSQL to answer
it (docs/decisions/api-keys.md). Nothing of it is kept, so that a client that is switched off, or a key that is revoked,
is refused from the next request on.
"""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from django.db import connection

# `last_used_at` is written when it is older than this.
USE_INTERVAL = "interval '1 minute'"

_IS_STALE = f"coalesce({{0}}.last_used_at < statement_timestamp() - {USE_INTERVAL}, true)"
_CLIENT = f"c.id, c.name, c.scopes, c.requests_per_minute, c.is_active, {_IS_STALE.format('c')}"
_KEY = f"""k.id, k.secret_hash, k.scopes, k.revoked_at IS NOT NULL,
    coalesce(k.expires_at <= statement_timestamp(), false), {_IS_STALE.format("k")}"""

# The names in them are constants of this module.
_BY_OIDC_ID = f"SELECT {_CLIENT} FROM clients_apiclient c WHERE c.oidc_client_id = %s"  # noqa: S608
_BY_PREFIX = f"""SELECT {_CLIENT}, {_KEY}
    FROM clients_apikey k JOIN clients_apiclient c ON c.id = k.client_id WHERE k.prefix = %s"""  # noqa: S608


class ClientRow(NamedTuple):
    """What a request needs of `ApiClient`. ``use_is_old``: its last use was recorded a minute ago or never."""

    id: UUID
    name: str
    scopes: list[str]
    requests_per_minute: int | None
    is_active: bool
    use_is_old: bool


class KeyRow(NamedTuple):
    """What a request needs of `ApiKey`. ``scopes`` None: those of the client."""

    id: int
    secret_hash: str
    scopes: list[str] | None
    is_revoked: bool
    is_expired: bool
    use_is_old: bool


def find_client(oidc_client_id: str) -> ClientRow | None:
    """The client of that name at the provider."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_OIDC_ID, [oidc_client_id])
        row = cursor.fetchone()
    return ClientRow(*row) if row else None


def find_key(prefix: str) -> tuple[ClientRow, KeyRow] | None:
    """The key of that prefix, and its client."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_PREFIX, [prefix])
        row = cursor.fetchone()
    return (ClientRow(*row[:6]), KeyRow(*row[6:])) if row else None
