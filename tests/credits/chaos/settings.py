"""The demo's settings without the pool, which waits longer and longer for a server that is down."""

from __future__ import annotations

from config.settings.dev import *  # noqa: F403 - one environment builds on another
from config.settings.dev import DATABASES

DATABASES["default"]["OPTIONS"].pop("pool")
DATABASES["default"]["CONN_MAX_AGE"] = None
LOGGING_CONFIG = None
