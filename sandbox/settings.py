"""Configure Django for the sandbox alone, independently of the application's settings."""

import atexit
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any

from sandbox.options import get_options

BASE_DIR = Path(__file__).resolve().parent


def _find_state_dir() -> Path:
    """Return the folder given with --state, or one that is deleted with the process."""
    chosen = get_options().state
    if chosen is not None:
        chosen.mkdir(parents=True, exist_ok=True)
        return chosen
    temporary = Path(tempfile.mkdtemp(prefix="sandbox-"))
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return temporary


STATE_DIR = _find_state_dir()


def _keep_secret_key() -> str:
    """Keep one key per state folder, so that signatures stay valid after a restart."""
    file = STATE_DIR / "secret-key"
    if not file.exists():
        file.write_text(secrets.token_urlsafe(48))
        file.chmod(0o600)
    return file.read_text()


SECRET_KEY = _keep_secret_key()
DEBUG = False
# Local by default. Whoever listens on another address, in a container for example, may use any host name.
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"] if get_options().host == "127.0.0.1" else ["*"]

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "oauth2_provider",
    "sandbox.openid",
    "sandbox",
]
# The last two are lazy: Stripe's API, which has no sessions, pays nothing. The pages check CSRF themselves.
MIDDLEWARE = [
    "sandbox.base_url.remember_base_url",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "sandbox.urls"
APPEND_SLASH = False

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": STATE_DIR / "sandbox.sqlite3",
        "CONN_MAX_AGE": None,  # one connection per server thread, closed with the thread
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            # Nothing here is worth an fsync: a power cut costs a test run, never a customer's money.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
        },
    }
}
# Tests send webhooks larger than any site accepts.
DATA_UPLOAD_MAX_MEMORY_SIZE = None
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

# All ports of localhost share cookies: distinct names keep these apart from the application's.
CSRF_COOKIE_NAME = "sandbox_csrftoken"
SESSION_COOKIE_NAME = "sandbox_sessionid"

# Tables are created from the models: twenty migrations at every start would cost a second.
MIGRATION_MODULES: dict[str, None] = dict.fromkeys(["contenttypes", "auth", "oauth2_provider", "openid"])
AUTH_USER_MODEL = "openid.User"
LOGIN_URL = "openid-sign-in"
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
# The sign-in page shows the passwords: a slow hash would protect nothing and slow down every test.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
OAUTH2_PROVIDER: dict[str, Any] = {
    "OIDC_ENABLED": True,
    "OIDC_RESPONSE_TYPES_SUPPORTED": ["code"],
    "ALLOW_LOCALHOST_LOOPBACK": True,
    "OAUTH2_VALIDATOR_CLASS": "sandbox.openid.validator.KeycloakLikeValidator",
    "ACCESS_TOKEN_GENERATOR": "sandbox.openid.tokens.generate_access_token",
    "SCOPES": {
        "openid": "Your identity",
        "profile": "Your name",
        "email": "Your email",
        "roles": "Your roles",
    },
    "DEFAULT_SCOPES": ["profile", "email", "roles"],
    "ACCESS_TOKEN_EXPIRE_SECONDS": 300,
    "ID_TOKEN_EXPIRE_SECONDS": 300,
    "REFRESH_TOKEN_EXPIRE_SECONDS": 1800,
    "PKCE_REQUIRED": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
    "OIDC_RP_INITIATED_LOGOUT_ALWAYS_PROMPT": False,
}

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"only_exceptions": {"()": "sandbox.server.OnlyExceptions"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "filters": ["only_exceptions"]}},
    "loggers": {
        # A 500 that a test asked for isn't worth logging; a traceback is.
        "django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "sandbox": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
    },
}
