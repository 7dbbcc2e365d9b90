"""Production's settings, and beside the site DRF's own token authentication with an empty view as the yardstick."""

from __future__ import annotations

from config.settings.production import *
from config.settings.production import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework.authtoken"]
ROOT_URLCONF = "dev.bench.urls"
