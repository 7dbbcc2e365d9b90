"""What a site's own Keycloak has besides the realm of the file: users, and other clients."""

from __future__ import annotations

import copy
from typing import Any
from uuid import UUID

from dev.keycloak.realm import APP_CLIENT, Realm, demo_realm, with_users

SECRET = "another-secret"


def _user(number: int, username: str, **fields: Any) -> dict[str, Any]:
    names = {"given_name": username.title(), "family_name": "Tester"}
    user = {"sub": UUID(int=number), "username": username, "email": f"{username}@example.com", "roles": []}
    return {**user, **names, **fields}


USERS = [
    _user(1, "fiona", roles=["finance"]),
    _user(2, "una", email_verified=False),
    _user(3, "vera", email_verified=False),
]


def installed_realm() -> Realm:
    realm = with_users(demo_realm(), USERS)
    app = next(client for client in realm["clients"] if client["clientId"] == APP_CLIENT)
    others = [
        _differing(app, "hasty", attributes={"access.token.lifespan": "2"}),
        _differing(app, "stranger", protocolMappers=[]),
        _differing(app, "light", attributes={"client.use.lightweight.access.token.enabled": "true"}),
        _differing(app, "elliptic", attributes={"access.token.signed.response.alg": "ES256"}),
        _differing(
            app,
            "unregistered",
            secret=SECRET,
            publicClient=False,
            directAccessGrantsEnabled=False,
            serviceAccountsEnabled=True,
        ),
    ]
    return {**realm, "clients": [*realm["clients"], *others]}


def _differing(client: dict[str, Any], name: str, **fields: Any) -> dict[str, Any]:
    return {**copy.deepcopy(client), "clientId": name, **fields}
