"""For `collectstatic` while the image is built, where no secret and no database may be: it can serve nothing."""

from __future__ import annotations

from config.settings.base import *

SECRET_KEY = "signs-nothing"
ALLOWED_HOSTS: list[str] = []
DEMO = True  # Stripe's secrets are not asked for
