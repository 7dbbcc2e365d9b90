"""For `collectstatic` while the image is built, where no secret and no database may be: it can serve nothing."""

from __future__ import annotations

from config.settings.base import *

SECRET_KEY = "signs-nothing"  # noqa: S105 - no request is ever served with these settings
ALLOWED_HOSTS: list[str] = []
DEMO = True  # Stripe's secrets are not asked for
