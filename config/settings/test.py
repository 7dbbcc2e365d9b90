"""Configure the test suite: like the demo, with its own database, fast password hashes and email in memory."""

from __future__ import annotations

from config.settings.dev import *
from config.settings.dev import DATABASE_TIME_LIMITS, DATABASES, env
from core.database.time_limits import with_time_limits
from core.program import this_program

SECRET_KEY = "test-only-key-0123456789-0123456789-0123456789-0123456789"
SITE_URL = "http://testserver"
ALLOWED_HOSTS = ["*"]
# What tests count, they count alone.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
COUNT_STORE = "memory"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
STRIPE_MAX_NETWORK_RETRIES = 0
STRIPE_TIMEOUT_SECONDS = 5.0
# A pool, as everywhere: a new connection costs some 20 ms of the server's time, mostly for its functions' first calls.
DATABASES["default"]["OPTIONS"] = with_time_limits(
    {
        "application_name": this_program(),
        "options": "-c synchronous_commit=off",
        "prepare_threshold": 5,
        "pool": {"min_size": 0, "max_size": 40, "timeout": 10},
    },
    DATABASE_TIME_LIMITS,
)
DATABASES["default"]["TEST"] = {"NAME": env("TEST_DATABASE", default="test_credits")}
DATABASES["default"]["CONN_MAX_AGE"] = 0
