"""Check the sign-in settings at startup."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register

DEMO_SECRETS = {"credits-web-secret", "service"}


@register(Tags.security)
def check_openid_settings(**kwargs: Any) -> list[CheckMessage]:
    """Require a client for the provider and, outside the demo, HTTPS and a secret other than the demo's."""
    if not settings.OIDC_ISSUER:
        return []
    errors: list[CheckMessage] = []
    if not (settings.OIDC_RP_CLIENT_ID and settings.OIDC_RP_CLIENT_SECRET):
        errors.append(
            Error("OIDC_ISSUER needs OIDC_RP_CLIENT_ID and OIDC_RP_CLIENT_SECRET.", id="accounts.E001")
        )
    if settings.OIDC_API_AUDIENCE == settings.OIDC_RP_CLIENT_ID:
        errors.append(
            Error(
                "OIDC_API_AUDIENCE must differ from the client ID, which ID tokens carry.", id="accounts.E002"
            )
        )
    return errors if settings.DEMO else errors + _check_production()


def _check_production() -> list[CheckMessage]:
    errors: list[CheckMessage] = []
    if not settings.OIDC_ISSUER.startswith("https://"):
        errors.append(Error("OIDC_ISSUER must start with https:// outside the demo.", id="accounts.E003"))
    if settings.OIDC_RP_CLIENT_SECRET in DEMO_SECRETS:
        errors.append(
            Error("OIDC_RP_CLIENT_SECRET is the demo's public secret. Use your own.", id="accounts.E004")
        )
    return errors
