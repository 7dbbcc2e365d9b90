"""Use production's settings, plus the yardstick: an empty DRF view behind DRF's token authentication."""

from __future__ import annotations

from config.settings.production import *
from config.settings.production import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework.authtoken"]
ROOT_URLCONF = "bench.urls"
