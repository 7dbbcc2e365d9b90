"""A Django with nothing but one contender's applications: no middleware, no other table, one kept connection."""

from __future__ import annotations

from typing import Any

from psycopg.conninfo import conninfo_to_dict


def configure(url: str, applications: list[str], **settings: Any) -> None:
    """Sets Django up with ``url`` as its database."""
    import django
    from django.conf import settings as django_settings

    django_settings.configure(
        SECRET_KEY="bench-only",
        USE_TZ=True,
        INSTALLED_APPS=applications,
        DATABASES={"default": database(url)},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        LOGGING_CONFIG=None,
        **settings,
    )
    django.setup()


def database(url: str) -> dict[str, Any]:
    """Django's settings for a PostgreSQL URL whose host is a socket's folder."""
    parts = conninfo_to_dict(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts["dbname"],
        "USER": parts.get("user", ""),
        "HOST": parts.get("host", ""),
        "PORT": str(parts.get("port", "")),
        "CONN_MAX_AGE": None,
    }
