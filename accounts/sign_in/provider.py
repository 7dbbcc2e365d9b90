"""Locate the OpenID provider: its endpoints follow from one issuer, as in Keycloak."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from mozilla_django_oidc.utils import import_from_settings

ID_TOKEN_KEY = "oidc_id_token"  # noqa: S105  # the name of a session entry

_PATHS = {
    "OIDC_OP_AUTHORIZATION_ENDPOINT": "auth",
    "OIDC_OP_TOKEN_ENDPOINT": "token",
    "OIDC_OP_USER_ENDPOINT": "userinfo",
    "OIDC_OP_JWKS_ENDPOINT": "certs",
    "OIDC_OP_LOGOUT_ENDPOINT": "logout",
}


def is_configured() -> bool:
    return bool(settings.OIDC_ISSUER)


def get_endpoint(setting: str) -> str:
    """Return the URL in ``setting``, or else the one derived from the issuer; empty without a provider."""
    if explicit := getattr(settings, setting, ""):
        return str(explicit)
    if not is_configured():
        return ""
    return f"{settings.OIDC_ISSUER.rstrip('/')}/protocol/openid-connect/{_PATHS[setting]}"


def read_setting(name: str, *default: Any) -> Any:
    """Read a setting with the endpoints filled in; mozilla-django-oidc's ``get_settings``."""
    return get_endpoint(name) if name in _PATHS else import_from_settings(name, *default)
