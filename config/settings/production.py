"""Configure production: whatever differs between installations is in the environment. See docs/go-live.md."""

from __future__ import annotations

import structlog
from django.core.exceptions import ImproperlyConfigured

from config.monitoring import report_errors_to
from config.settings.base import *
from config.settings.base import DATABASE_TIME_LIMITS, env, logging_to_console
from core.database.time_limits import with_network_limits, with_time_limits
from core.program import this_program

REQUIRED = ("SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "SITE_URL", "DEFAULT_FROM_EMAIL")
if missing := [name for name in REQUIRED if not env(name, default="")]:
    raise ImproperlyConfigured(f"Not set in the environment: {', '.join(missing)}. See docs/go-live.md.")

DEBUG = False
SECRET_KEY = env("SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

DATABASES = {"default": env.db("DATABASE_URL", engine="django.db.backends.postgresql")}
DATABASES["default"]["CONN_MAX_AGE"] = 0  # required by Django's pool
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = env.bool("PGBOUNCER", default=False)
# The ledger's statements keep their plans; PgBouncer before 1.21 loses them in transaction mode.
DATABASES["default"].setdefault("OPTIONS", {})["prepare_threshold"] = (
    5 if env.bool("DATABASE_PREPARED_STATEMENTS", default=True) else None
)
# PgBouncer refuses connections that set them, and shares connections: set them on the role (docs/go-live.md).
if DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"]:
    DATABASE_TIME_LIMITS = {}
DATABASES["default"]["OPTIONS"] = with_time_limits(
    with_network_limits(DATABASES["default"]["OPTIONS"]), DATABASE_TIME_LIMITS
)
DATABASES["default"]["OPTIONS"]["application_name"] = this_program()
DATABASES["default"]["OPTIONS"]["pool"] = {
    "min_size": env.int("DATABASE_POOL_MIN", default=2),
    "max_size": env.int("DATABASE_POOL_MAX", default=10),
    # Seconds that each request, and the probes behind it, wait for a connection while the database is away.
    "timeout": 5,
    # Otherwise the pool retries ever more slowly, and takes minutes to notice that the database is back.
    "reconnect_timeout": 5,
}

if replica := env.replica("DATABASE_REPLICA_URL", DATABASES["default"]):
    DATABASES["replica"] = replica

BEHIND_PROXY = env.bool("BEHIND_PROXY", default=True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
if TRUSTED_PROXIES and not BEHIND_PROXY:
    raise ImproperlyConfigured("TRUSTED_PROXIES names proxies, but BEHIND_PROXY is false. Unset one of them.")
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
# A redirect would lose Stripe's delivery; probes and Prometheus use plain HTTP inside the cluster.
SECURE_REDIRECT_EXEMPT = [
    r"^api/v1/billing/credits/webhook/?$",
    r"^api/credits/webhook/?$",
    r"^health/",
    r"^metrics$",
]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31536000)
# These two affect more than this site if it is served at the top of a domain.
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=True)
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=True)
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

# The SMTP server's URL; EMAIL_BACKEND replaces it, for instance with one of anymail's providers.
_email = env.email_url("EMAIL_URL", default="smtp://localhost:25")
EMAIL_BACKEND = env("EMAIL_BACKEND", default=_email["EMAIL_BACKEND"])
EMAIL_HOST, EMAIL_PORT = _email["EMAIL_HOST"], _email["EMAIL_PORT"] or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _email["EMAIL_HOST_USER"] or "", _email["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _email.get("EMAIL_USE_TLS", False), _email.get("EMAIL_USE_SSL", False)
ANYMAIL = env.dict("ANYMAIL", default={})

LOGGING = logging_to_console(structlog.processors.JSONRenderer())

if dsn := env("SENTRY_DSN", default=""):
    report_errors_to(dsn)
