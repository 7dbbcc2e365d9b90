"""Describe in the API schema how services sign in."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class ClientScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.clients.rest_framework.ClientAuthentication"
    name = ["clientToken", "apiKey"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "Access token obtained from the OpenID provider with client credentials.",
            },
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "pck_…",
                "description": "API key, sent as a bearer token.",
            },
        ]
