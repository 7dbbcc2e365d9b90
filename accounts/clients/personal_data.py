"""Export the API clients that a user registered."""

from __future__ import annotations

from collections.abc import Iterator

from accounts.clients.models import ApiKey
from accounts.models import User
from accounts.privacy.registry import File, PersonalData
from core.csv_lines import csv_lines, harmless, utc_text

KEYS = ["client", "client_created", "key", "prefix", "key_created", "expires", "last_used", "revoked"]


def keys(user: User) -> Iterator[str]:
    """Export the API clients that the user registered, and their keys: names and dates, no secrets."""
    rows = ApiKey.objects.filter(client__created_by=user).select_related("client").order_by("pk")
    return csv_lines(KEYS, [map(_key, rows)])


def _key(row: ApiKey) -> list[str]:
    return [
        harmless(row.client.name),
        utc_text(row.client.created_at),
        harmless(row.name),
        row.prefix,
        utc_text(row.created_at),
        utc_text(row.expires_at),
        utc_text(row.last_used_at),
        utc_text(row.revoked_at),
    ]


class ClientsData(PersonalData):
    """The personal data of clients and keys, which are kept: services outlast the user who registered them."""

    files = (
        File(
            "api-keys.csv",
            "API clients that you registered, and their keys, without secrets",
            ("clients.ApiClient", "clients.ApiKey"),
            keys,
        ),
    )
