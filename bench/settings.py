"""Use production's settings, plus the yardstick: an empty DRF view behind DRF's token authentication."""

from __future__ import annotations

import os

from config.settings.production import *
from config.settings.production import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework.authtoken"]
ROOT_URLCONF = "bench.urls"
if os.environ.get("BENCH_POOL") == "off":  # a fresh connection for each request
    del DATABASES["default"]["OPTIONS"]["pool"]
