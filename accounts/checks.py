"""Check the sign-in settings, the store of limits and the translations at startup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

IN_MEMORY = "memory"
DEMO_SECRETS = {"credits-web-secret", "service"}


@register(Tags.security)
def check_openid_settings(**kwargs: Any) -> list[CheckMessage]:
    """Require a client for the provider and, outside the demo, HTTPS and a secret other than the demo's."""
    if not settings.OIDC_ISSUER:
        return []
    client, secret = settings.OIDC_RP_CLIENT_ID, settings.OIDC_RP_CLIENT_SECRET
    is_http = not settings.OIDC_ISSUER.startswith("https://")
    wrong = {
        "E001": (not (client and secret), "OIDC_ISSUER needs OIDC_RP_CLIENT_ID and OIDC_RP_CLIENT_SECRET."),
        "E002": (
            client == settings.OIDC_API_AUDIENCE,
            "OIDC_API_AUDIENCE must differ from the client ID, which ID tokens carry.",
        ),
        "E003": (
            is_http and not settings.DEMO,
            "OIDC_ISSUER must start with https:// outside the demo.",
        ),
        "E004": (
            secret in DEMO_SECRETS and not settings.DEMO,
            "OIDC_RP_CLIENT_SECRET is the demo's public secret. Use your own.",
        ),
    }
    return [Error(message, id=f"accounts.{code}") for code, (is_wrong, message) in wrong.items() if is_wrong]


@register(Tags.security)
def check_counts(**kwargs: Any) -> list[CheckMessage]:
    """Refuse limits that each process would count for itself, unless the operator says that there is only one."""
    if settings.COUNT_STORE != IN_MEMORY or settings.DEMO:
        return []
    if not settings.SINGLE_PROCESS:
        message = (
            "CACHE_URL has each process count requests by itself, so limits are multiplied by their number."
        )
        remedy = "Unset it to count in PostgreSQL, or set it to redis://…; SINGLE_PROCESS=true if there is just one."
    elif settings.WEB_PROCESSES > 1:
        message = f"SINGLE_PROCESS is true, but GRANIAN_WORKERS is {settings.WEB_PROCESSES}."
        remedy = "Unset CACHE_URL and SINGLE_PROCESS, or set GRANIAN_WORKERS=1."
    else:
        return []
    return [Error(message, remedy, id="accounts.E006")]


@register(Tags.translation)
def check_translations(**kwargs: Any) -> list[CheckMessage]:
    """Warn of a language that would be shown in English, as its catalog isn't compiled."""
    catalogs = (path for folder in settings.LOCALE_PATHS for path in Path(folder).glob("*/LC_MESSAGES/*.po"))
    missing = [path.parent.parent.name for path in catalogs if not path.with_suffix(".mo").exists()]
    if not missing:
        return []
    return [
        Warning(
            f"Not compiled: the translations {', '.join(sorted(missing))}.",
            "Run: make setup",
            id="accounts.W005",
        )
    ]
