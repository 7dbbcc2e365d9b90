"""Describe in the API schema how services sign in."""

from __future__ import annotations

SECURITY_SCHEMES = {
    "clientToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "Access token obtained from the OpenID provider with client credentials.",
    },
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "pck_…",
        "description": "API key, sent as a bearer token.",
    },
}
