"""API clients and their tokens."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from accounts.clients.api_keys import NewKey, create_key
from accounts.clients.models import ApiClient
from accounts.clients.registration import ORDINARY
from tests.support.sandbox import Sandbox

WORKER = "worker"


def make_client(**fields: Any) -> ApiClient:
    wanted: dict[str, Any] = {"name": "Worker", "oidc_client_id": WORKER, "scopes": ORDINARY, **fields}
    return ApiClient.objects.create(**wanted)


def token_of_service(provider: Sandbox) -> str:
    """What the sandbox's own client ``service`` gets with its secret."""
    answer = requests.post(
        f"{provider.url}/realms/demo/protocol/openid-connect/token",
        {"grant_type": "client_credentials"},
        auth=("service", "service"),
        timeout=10,
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def mint_for_client(provider: Sandbox, of: str = WORKER, /, **claims: Any) -> str:
    """A token as Keycloak makes it for a client's own credentials; ``claims`` change it, ``None`` takes one away."""
    own: dict[str, Any] = {
        "sub": "00000000-0000-4000-8000-0000000000c9",
        "azp": of,
        "client_id": of,
        "preferred_username": f"service-account-{of}",
        "sid": None,
        "realm_access": {"roles": []},
    }
    return provider.mint("buyer", claims={**own, **claims})["access_token"]


@pytest.fixture
def service(db: None) -> ApiClient:
    return make_client()


@pytest.fixture
def new_key(service: ApiClient) -> NewKey:
    return create_key(service, name="production")
