"""Configure development and the demo: the sandbox replaces Stripe and the OpenID provider, PostgreSQL is embedded."""

from __future__ import annotations

import structlog

from config.settings.base import *
from config.settings.base import (
    BASE_DIR,
    CONTENT_SECURITY_POLICY,
    DATABASE_TIME_LIMITS,
    LANGUAGES,
    OIDC_BACKEND,
    PASSWORD_BACKEND,
    env,
    logging_to_console,
)
from core.database.time_limits import with_time_limits
from core.program import this_program
from dev import pseudo_language
from dev.database import database_settings

SILENCED_SYSTEM_CHECKS = ["djstripe.W002"]  # the sandbox is another Stripe host

DEMO = True
DATABASE_REPLICA_STRICT = True
DEBUG = env.bool("DEBUG", default=False)
if DEBUG:
    pseudo_language.install()
    LANGUAGES = [*LANGUAGES, (pseudo_language.CODE, pseudo_language.NAME)]
SECRET_KEY = env("SECRET_KEY", default="development-only-key-never-used-in-production-0123456789")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

DATABASES = {"default": database_settings(env("DATABASE_URL", default=""))}
DATABASES["default"]["OPTIONS"] = with_time_limits(DATABASES["default"]["OPTIONS"], DATABASE_TIME_LIMITS)
DATABASES["default"]["OPTIONS"]["application_name"] = this_program()
if replica := env.replica("DATABASE_REPLICA_URL", DATABASES["default"]):
    DATABASES["replica"] = replica

SANDBOX_URL = env("SANDBOX_URL", default="http://localhost:8001").rstrip("/")
STRIPE_SECRET_KEY = env("STRIPE_SECRET_KEY", default="sk_test_sandboxsandboxsandboxsandbox")
STRIPE_API_BASE = env("STRIPE_API_BASE", default=SANDBOX_URL).rstrip("/")
STRIPE_API_HOST = STRIPE_API_BASE  # dj-stripe's name for it; set only if Stripe is somewhere else
STRIPE_CHECKOUT_ORIGIN = env("STRIPE_CHECKOUT_ORIGIN", default=SANDBOX_URL).rstrip("/")
STRIPE_WEBHOOK_SECRETS = env.list("STRIPE_WEBHOOK_SECRET", default=["whsec_sandboxsandboxsandboxsandbox"])

# The sandbox's provider, and Django's password form for users made with `createsuperuser`.
OIDC_ISSUER = env("OIDC_ISSUER", default=f"{SANDBOX_URL}/realms/demo")
OIDC_PROVIDER_NAME = env("OIDC_PROVIDER_NAME", default="the demo provider")
OIDC_RP_CLIENT_ID = env("OIDC_RP_CLIENT_ID", default="credits-web")
OIDC_RP_CLIENT_SECRET = env("OIDC_RP_CLIENT_SECRET", default="credits-web-secret")
# Forms lead to the checkout and, by signing out, to the provider.
CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"] = [
    "'self'",
    *dict.fromkeys([STRIPE_CHECKOUT_ORIGIN, SANDBOX_URL, "/".join(OIDC_ISSUER.split("/", 3)[:3])]),
]
PASSWORD_SIGN_IN = True
AUTHENTICATION_BACKENDS = [OIDC_BACKEND, PASSWORD_BACKEND]

# Scripts buy faster than users do.
PURCHASE_RATE = env.rate("PURCHASE_RATE", default="6000/min")
PERSON_RATE = env.int("PERSON_RATE", default=1_000_000)
WEBHOOK_RATE = env.int("WEBHOOK_RATE", default=1_000_000)
CREDITS_API_RATE = env.int("CREDITS_API_RATE", default=1_000_000)
CREDITS_USER_RATE = env.int("CREDITS_USER_RATE", default=1_000_000)

# Packages are as new as the database: a sale strikes the price before it all the same.
STRUCK_PRICE_DAYS = env.int("STRUCK_PRICE_DAYS", default=0)

# The demo runs without collectstatic and without HTTPS.
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Each email is a file that a newcomer can open.
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = BASE_DIR / ".local" / "mail"

LOGGING = logging_to_console(structlog.dev.ConsoleRenderer(colors=False))
