"""Django settings of the sandbox alone. They have nothing to do with the application's own settings."""

import atexit
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Any

from sandbox.openid import settings as openid
from sandbox.options import get_options

BASE_DIR = Path(__file__).resolve().parent


def _find_state_dir() -> Path:
    """The folder given with --state, or one that goes away with the process."""
    chosen = get_options().state
    if chosen is not None:
        chosen.mkdir(parents=True, exist_ok=True)
        return chosen
    temporary = Path(tempfile.mkdtemp(prefix="sandbox-"))
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    return temporary


STATE_DIR = _find_state_dir()


def _keep_secret_key() -> str:
    """One key per state folder, so that what was signed before a restart is still good after it."""
    file = STATE_DIR / "secret-key"
    if not file.exists():
        file.write_text(secrets.token_urlsafe(48))
        file.chmod(0o600)
    return file.read_text()


SECRET_KEY = _keep_secret_key()
DEBUG = False
# Local by default. Someone who listens on another address (a container, say) names the host as they like.
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"] if get_options().host == "127.0.0.1" else ["*"]

INSTALLED_APPS = [*openid.APPS, "sandbox"]
MIDDLEWARE: list[str] = openid.MIDDLEWARE
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
        "CONN_MAX_AGE": None,  # a connection per server thread; the server closes it with the thread
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            # Nothing here is worth an fsync: a power cut may cost a test run, never a customer's money.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;",
        },
    }
}
# A test may have a webhook sent that is larger than any site wants.
DATA_UPLOAD_MAX_MEMORY_SIZE = None
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True

# Cookies are shared by all ports of localhost: names of our own keep them apart from the application's.
CSRF_COOKIE_NAME = "sandbox_csrftoken"
SESSION_COOKIE_NAME = "sandbox_sessionid"

# What the OpenID provider needs besides; each is explained there.
AUTH_USER_MODEL = openid.AUTH_USER_MODEL
LOGIN_URL = openid.LOGIN_URL
SESSION_ENGINE = openid.SESSION_ENGINE
PASSWORD_HASHERS = openid.PASSWORD_HASHERS
MIGRATION_MODULES = openid.MIGRATION_MODULES
OAUTH2_PROVIDER = openid.OAUTH2_PROVIDER

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"only_exceptions": {"()": "sandbox.server.OnlyExceptions"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "filters": ["only_exceptions"]}},
    "loggers": {
        # A 500 that a test asked for is no news; one with a traceback is.
        "django": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "sandbox": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
    },
}
