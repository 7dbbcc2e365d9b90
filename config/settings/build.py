"""Configure `collectstatic` in the image build, without secrets or a database: it can serve nothing."""

from __future__ import annotations

from config.settings.base import *

SECRET_KEY = "signs-nothing"
ALLOWED_HOSTS: list[str] = []
DEMO = True  # Stripe's secrets are not required
