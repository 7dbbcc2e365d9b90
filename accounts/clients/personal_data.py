"""Export the API clients that a user registered."""

from __future__ import annotations

from accounts.clients.models import ApiKey
from accounts.privacy.registry import PersonalData, csv_file

KEYS = {
    "client": "client.name",
    "client_created": "client.created_at",
    "key": "name",
    "prefix": "prefix",
    "key_created": "created_at",
    "expires": "expires_at",
    "last_used": "last_used_at",
    "revoked": "revoked_at",
}


class ClientsData(PersonalData):
    """The personal data of clients and keys, which are kept: services outlast the user who registered them."""

    files = (
        csv_file(
            "api-keys.csv",
            "API clients that you registered, and their keys, without secrets",
            ("clients.ApiClient", "clients.ApiKey"),
            KEYS,
            lambda user: ApiKey.objects.filter(client__created_by=user).select_related("client"),
        ),
    )
