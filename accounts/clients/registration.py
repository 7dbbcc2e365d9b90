"""Clients of the provider that come here for the first time."""

from __future__ import annotations

import structlog

from accounts.clients.models import ApiClient, Scope

logger = structlog.get_logger(__name__)

NAME_LENGTH = 100
# To act for other clients is for staff to give.
ORDINARY = [Scope.READ.value, Scope.SPEND.value, Scope.TRANSFER.value]


def register_client(oidc_client_id: str) -> ApiClient:
    """The client of that name, made if it isn't there with all that it may do for itself: staff see it from then on,
    and may limit it.

    Of several first requests at once one makes it and the others find it: the name at the provider is unique.
    """
    client, is_new = ApiClient.objects.get_or_create(
        oidc_client_id=oidc_client_id,
        defaults={"name": oidc_client_id[:NAME_LENGTH], "scopes": ORDINARY},
    )
    if is_new:
        logger.info("api_client_registered", client=str(client.pk), oidc_client_id=oidc_client_id)
    return client
