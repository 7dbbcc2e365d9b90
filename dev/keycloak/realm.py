"""Make the realm to start with: the one in `deploy/`, and what a demo or a test adds to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from dev.keycloak.installing import ROOT
from sandbox.openid.demo_users import DEMO_USERS

FILE = ROOT / "deploy" / "keycloak" / "realm.json"
NAME = "shop"
WEB_CLIENT, SERVICE_CLIENT, APP_CLIENT = "credits-web", "service", "app"
# Published in the docs: they open only the demo and the tests. The file has none, so that Keycloak makes them up.
SECRETS = {WEB_CLIENT: "credits-web-secret", SERVICE_CLIENT: "service"}

Realm = dict[str, Any]


def read_realm() -> Realm:
    """Return the file's realm, with its placeholders, which Keycloak fills in from its environment."""
    realm: Realm = json.loads(FILE.read_text())
    return realm


def demo_realm() -> Realm:
    """Return the realm with the demo's users, whose ids and passwords are the sandbox's, known secrets, and an app."""
    realm = with_secrets(with_users(read_realm(), DEMO_USERS), SECRETS)
    return {**realm, "clients": [*realm["clients"], _make_app(realm)]}


def _make_app(realm: Realm) -> dict[str, Any]:
    """Return a front end's client. It gets tokens for the API by a user's password, so that curl can, too."""
    service = next(client for client in realm["clients"] if client["clientId"] == SERVICE_CLIENT)
    return {
        "clientId": APP_CLIENT,
        "publicClient": True,
        "standardFlowEnabled": False,
        "directAccessGrantsEnabled": True,
        "protocolMappers": service["protocolMappers"],
    }


def with_users(realm: Realm, users: Iterable[Mapping[str, Any]]) -> Realm:
    """Return the realm with further users, described as the demo's are; each password is the username.

    The realm's password policy goes: Keycloak applies it to imported users too, and refuses to start.
    """
    users = [*realm["users"], *(_describe(user) for user in users)]
    return {**realm, "passwordPolicy": "", "users": users}


def with_secrets(realm: Realm, secrets: Mapping[str, str]) -> Realm:
    """Return the realm with its clients' secrets."""
    clients = [{**client, "secret": secrets[client["clientId"]]} for client in realm["clients"]]
    return {**realm, "clients": clients}


def _describe(user: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": str(user["sub"]),
        "username": user["username"],
        "email": user["email"],
        "emailVerified": user.get("email_verified", True),
        "firstName": user["given_name"],
        "lastName": user["family_name"],
        "enabled": True,
        "credentials": [{"type": "password", "value": user["username"], "temporary": False}],
        "realmRoles": [f"default-roles-{NAME}", *user["roles"]],
    }
