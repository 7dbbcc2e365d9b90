"""Set up a Django with only one contender's applications: no middleware, no other tables, one kept connection."""

from __future__ import annotations

from typing import Any

from psycopg.conninfo import conninfo_to_dict


def configure(url: str, applications: list[str], **settings: Any) -> None:
    """Set up Django on ``url``, whose host may be a socket's folder."""
    import django
    from django.conf import settings as django_settings

    parts = conninfo_to_dict(url)
    database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts["dbname"],
        "USER": parts.get("user", ""),
        "HOST": parts.get("host", ""),
        "PORT": str(parts.get("port", "")),
        "CONN_MAX_AGE": None,
    }
    django_settings.configure(
        SECRET_KEY="bench-only",
        USE_TZ=True,
        INSTALLED_APPS=applications,
        DATABASES={"default": database},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        LOGGING_CONFIG=None,
        **settings,
    )
    django.setup()
