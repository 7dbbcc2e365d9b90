"""Register clients of the provider at their first call."""

from __future__ import annotations

import structlog

from accounts.clients.models import ApiClient, Scope

logger = structlog.get_logger(__name__)

NAME_LENGTH = 100
# Only staff may allow a client to act for other clients.
ORDINARY = [Scope.READ.value, Scope.SPEND.value, Scope.TRANSFER.value]


def register_client(oidc_client_id: str) -> ApiClient:
    """Return the client of this id, created on its first request with every scope that concerns only itself.

    Of several simultaneous first requests one creates it and the others find it: the id at the provider is unique.
    """
    client, is_new = ApiClient.objects.get_or_create(
        oidc_client_id=oidc_client_id,
        defaults={"name": oidc_client_id[:NAME_LENGTH], "scopes": ORDINARY},
    )
    if is_new:
        logger.info("api_client_registered", client=str(client.pk), oidc_client_id=oidc_client_id)
    return client
