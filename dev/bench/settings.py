"""Production's settings, and beside the site DRF's own token authentication with an empty view as the yardstick."""

from __future__ import annotations

import os

from config.settings.production import *
from config.settings.production import DATABASES, INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework.authtoken"]
ROOT_URLCONF = "dev.bench.urls"

if (
    os.environ.get("BENCH_POOL") == "off"
):  # a connection of its own for each request: `make bench ARGS=--servers`
    del DATABASES["default"]["OPTIONS"]["pool"]
