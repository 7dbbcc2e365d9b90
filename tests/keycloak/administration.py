"""What an administrator does in Keycloak's console, by its admin REST API."""

from __future__ import annotations

from typing import Any

import requests

from dev.keycloak.server import ADMIN, Keycloak

KEYS = "org.keycloak.keys.KeyProvider"


class Administration:
    """The administrator of one realm. ``get``, ``post``, ``put`` and ``delete`` raise for an error's status."""

    def __init__(self, keycloak: Keycloak) -> None:
        self.keycloak = keycloak
        self._api = f"{keycloak.url}/admin/realms/{keycloak.realm}"

    def get(self, path: str, **query: Any) -> Any:
        return self._call("GET", path, params=query).json()

    def post(self, path: str, body: Any = None) -> str:
        """The id of what was created, if anything was."""
        return self._call("POST", path, json=body).headers.get("Location", "").rsplit("/", 1)[-1]

    def put(self, path: str, body: Any) -> None:
        self._call("PUT", path, json=body)

    def delete(self, path: str, body: Any = None) -> None:
        self._call("DELETE", path, json=body)

    def change_realm(self, **fields: Any) -> None:
        self.put("", fields)

    def find_user(self, username: str) -> str:
        return str(self.get("/users", username=username, exact="true")[0]["id"])

    def take_role(self, username: str, role: str) -> None:
        self.delete(f"/users/{self.find_user(username)}/role-mappings/realm", [self.get(f"/roles/{role}")])

    def give_role(self, username: str, role: str) -> None:
        self.post(f"/users/{self.find_user(username)}/role-mappings/realm", [self.get(f"/roles/{role}")])

    def sessions_of(self, username: str) -> list[str]:
        """The ids of the user's sessions at Keycloak, the oldest first."""
        sessions = self.get(f"/users/{self.find_user(username)}/sessions")
        return [session["id"] for session in sorted(sessions, key=lambda one: int(one["start"]))]

    def end_session(self, session: str) -> None:
        self.delete(f"/sessions/{session}")

    def log_out(self, username: str) -> None:
        """Ends all of the user's sessions."""
        self.post(f"/users/{self.find_user(username)}/logout")

    def add_signing_key(self, priority: int) -> str:
        """A new RS256 key, with which Keycloak signs from now on if no other has a higher priority."""
        config = {
            "priority": [str(priority)],
            "algorithm": ["RS256"],
            "enabled": ["true"],
            "active": ["true"],
        }
        key = {
            "name": f"rsa-{priority}",
            "providerId": "rsa-generated",
            "providerType": KEYS,
            "config": config,
        }
        return self.post("/components", key)

    def signing_key(self) -> str:
        """The component of the key that Keycloak signs with now."""
        keys = self.get("/keys")
        current = keys["active"]["RS256"]
        return str(next(key["providerId"] for key in keys["keys"] if key["kid"] == current))

    def disable_key(self, component: str) -> None:
        """Takes a key out of use, and out of what Keycloak publishes."""
        key = self.get(f"/components/{component}")
        self.put(f"/components/{component}", {**key, "config": {**key["config"], "enabled": ["false"]}})

    def _call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._token()}"}
        answer = requests.request(method, self._api + path, headers=headers, timeout=30, **options)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer

    def _token(self) -> str:
        """A new one each time: it lasts a minute."""
        form = {"grant_type": "password", "client_id": "admin-cli", "username": ADMIN, "password": ADMIN}
        address = f"{self.keycloak.url}/realms/master/protocol/openid-connect/token"
        return str(requests.post(address, form, timeout=30).json()["access_token"])
