"""Define the settings that all environments share. `dev`, `test` and `production` import and override them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from csp.constants import NONE, SELF
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from backoffice import looks as admin_looks
from config.environment import Environment
from config.settings.languages import *
from config.settings.limits import *
from config.settings.logs import *
from config.settings.offers import *
from config.settings.operations import *
from config.settings.replica import *
from config.settings.rewards import *
from config.settings.tax import *
from config.settings.tracing import *
from config.settings.tracing import TRACING
from core.database.time_limits import time_limits_of
from core.program import this_program

env = Environment()
BASE_DIR = Path(__file__).resolve().parent.parent.parent

SITE_NAME = env("SITE_NAME", default="Prepaid Credits")
SITE_URL = env("SITE_URL", default="http://localhost:8000").rstrip("/")
TIME_ZONE = env("TIME_ZONE", default="UTC")
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
APPEND_SLASH = True

# PostgreSQL's time limits for this program; apply them to a database's OPTIONS with `with_time_limits`.
DATABASE_TIME_LIMITS = time_limits_of(this_program())
# Whom to believe about a client's address (`core.client_address`). Development has no proxy.
BEHIND_PROXY = False
TRUSTED_PROXIES: tuple[str, ...] = ()
# Granian's own variables, as the image sets them: processes, and threads of each.
WEB_PROCESSES = env.int("GRANIAN_WORKERS", default=1)
WEB_THREADS = env.int("GRANIAN_BLOCKING_THREADS", default=8)

# True only if the sandbox replaces Stripe and the OpenID provider: only then are known secrets allowed.
DEMO = False

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "mozilla_django_oidc",
    "pgtrigger",
    "procrastinate.contrib.django",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "django_filters",
    "django_htmx",
    "django_structlog",
    "django_prometheus",
    "core.monitoring",
    "core.jobs",
    "csp",
    "anymail",
    "billing.djstripe_commands",  # before djstripe: replaces its harmful commands
    "djstripe",
    "accounts",
    "accounts.teams",
    "accounts.clients",
    "accounts.audit",
    "accounts.notes",
    "accounts.limits",
    "credits",
    "credits.rates",
    "credits.redemption",
    "billing.stripe",
    "billing.plans",
    "billing.discounts",
    "billing.packages",
    "billing.customers",
    "billing.purchases",
    "billing.gift_codes",
    "billing.auto_top_up",
    "billing.recovery",
    "billing.referrals",
    "billing.subscriptions",
    "billing.inbox",
    "billing.refunds",
    "billing.receipts",
    "billing.reporting",
    "billing.reconciliation",
    "billing",
]

MIDDLEWARE = [
    "core.monitoring.requests.CountResponses",
    "config.middleware.ForwardedHeaders",
    "config.middleware.KnownHosts",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.RequestLog",
    "config.unstorable_requests.RefuseUnstorableText",
    "core.service_fast_path.ServiceFastPath",  # what follows is for browsers
    "core.database.replica.own_writes.KeepOwnWrites",
    "csp.middleware.CSPMiddleware",
    "config.middleware.AdminContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.languages.ActivateLanguage",
    "accounts.limits.requests.LimitPeople",
    "accounts.time_zones.ActivateTimeZone",
    "config.middleware.StaffHistory",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.middleware.MethodPage",
    "accounts.sign_in.resuming.ResumeForms",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "core.monitoring.requests.CountRequests",
]
if TRACING:  # first: every other line that is logged belongs to the trace
    MIDDLEWARE.insert(0, "core.tracing.requests.TraceRequests")

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.context_processors.site",
                "accounts.teams.context_processors.switcher",
                "credits.notices.context_processors.notices",
                "billing.pages.banners.context",
            ],
        },
    },
]

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT: Path | None = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# dj-stripe's own migrations take a minute on a new database; see docs/decisions/djstripe-migrations.md.
MIGRATION_MODULES = {"djstripe": "billing.stripe.djstripe_migrations"}

# --- Signing in ---------------------------------------------------------------------------------------------------
# The provider's issuer, exactly as in its tokens. Empty: users sign in with a Django password instead.
OIDC_ISSUER = env("OIDC_ISSUER", default="")
OIDC_PROVIDER_NAME = env("OIDC_PROVIDER_NAME", default="") or _("your account")  # "Sign in with …"
OIDC_RP_CLIENT_ID = env("OIDC_RP_CLIENT_ID", default="")
OIDC_RP_CLIENT_SECRET = env("OIDC_RP_CLIENT_SECRET", default="")
# Empty: derived from the issuer, as in Keycloak. See accounts/sign_in/provider.py.
OIDC_OP_AUTHORIZATION_ENDPOINT = env("OIDC_OP_AUTHORIZATION_ENDPOINT", default="")
OIDC_OP_TOKEN_ENDPOINT = env("OIDC_OP_TOKEN_ENDPOINT", default="")
OIDC_OP_USER_ENDPOINT = env("OIDC_OP_USER_ENDPOINT", default="")
OIDC_OP_JWKS_ENDPOINT = env("OIDC_OP_JWKS_ENDPOINT", default="")
OIDC_OP_LOGOUT_ENDPOINT = env("OIDC_OP_LOGOUT_ENDPOINT", default="")
OIDC_RP_SCOPES = "openid email profile"
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_USE_PKCE = True
OIDC_TIMEOUT = env.float("OIDC_TIMEOUT", default=5.0)
OIDC_STORE_ID_TOKEN = True  # the hint with which the provider ends its own session
# The audience of access tokens. Not the client id, which is the audience of ID tokens, and those open no API.
OIDC_API_AUDIENCE = env("OIDC_API_AUDIENCE", default="credits")
OIDC_ROLES_CLAIM = env("OIDC_ROLES_CLAIM", default="realm_access.roles")
OIDC_STAFF_ROLE = env("OIDC_STAFF_ROLE", default="staff")
OIDC_ADMIN_ROLE = env("OIDC_ADMIN_ROLE", default="admin")
# The admin's groups (permissions: billing/admin/roles.py), and the provider's roles of the same names.
STAFF_GROUPS = ("support", "finance", "catalogue")
# A client whose own token has this role may call the credits API, and is registered on its first call.
OIDC_SERVICE_ROLE = env("OIDC_SERVICE_ROLE", default="service")
# Counted from signing in, even if the session is active, as Keycloak's SSO Session Max is. Roles are read at sign-in,
# so a withdrawn role can last this long in an open session.
OIDC_SESSION_LIFETIME = timedelta(minutes=env.int("OIDC_SESSION_MINUTES", default=600))
OIDC_AUTHENTICATE_CLASS = "accounts.views.AuthenticateView"
OIDC_CALLBACK_CLASS = "accounts.views.CallbackView"
OIDC_OP_LOGOUT_URL_METHOD = "accounts.sign_in.signing_out.end_session_url"
# Either, not both: with a provider, an old password must not be a second way in. Only the demo has both.
PASSWORD_SIGN_IN = not OIDC_ISSUER
PASSWORD_BACKEND = "django.contrib.auth.backends.ModelBackend"
OIDC_BACKEND = "accounts.sign_in.oidc.OIDCBackend"
AUTHENTICATION_BACKENDS = [OIDC_BACKEND if OIDC_ISSUER else PASSWORD_BACKEND]
LOGIN_URL = reverse_lazy("accounts:login")
LOGIN_REDIRECT_URL = reverse_lazy("credits")
LOGOUT_REDIRECT_URL = reverse_lazy("accounts:login")
SESSION_COOKIE_NAME = "credits_session"
CSRF_COOKIE_NAME = "credits_csrf"
SESSION_COOKIE_SAMESITE = "Lax"  # the provider's and Stripe's redirects back are cross-site top-level GETs
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# --- Stripe -------------------------------------------------------------------------------------------------------
# One version for the client, dj-stripe and the webhook endpoint: stripe-python's own (see stripe.api_version).
STRIPE_API_VERSION = "2026-08-26.dahlia"
# The second name is an older system's.
STRIPE_SECRET_KEY = env("STRIPE_SECRET_KEY", default="") or env("STRIPE_API_KEY", default="")
STRIPE_LIVE_MODE = "_live_" in STRIPE_SECRET_KEY
STRIPE_API_BASE = env("STRIPE_API_BASE", default="https://api.stripe.com").rstrip("/")
STRIPE_CHECKOUT_ORIGIN = env("STRIPE_CHECKOUT_ORIGIN", default="https://checkout.stripe.com").rstrip("/")
STRIPE_TIMEOUT_SECONDS = env.float("STRIPE_TIMEOUT_SECONDS", default=10.0)
STRIPE_MAX_NETWORK_RETRIES = env.int("STRIPE_MAX_NETWORK_RETRIES", default=2)
# For a buyer who checks a payment's status; not retried, as buyers check again.
STRIPE_LOOK_TIMEOUT_SECONDS = env.float("STRIPE_LOOK_TIMEOUT_SECONDS", default=4.0)
# All of several comma-separated secrets are accepted, so that one can be rotated without losing a delivery.
STRIPE_WEBHOOK_SECRETS = [
    secret.strip()
    for name in ("STRIPE_WEBHOOK_SECRET_CREDITS", "STRIPE_WEBHOOK_SECRET")
    for secret in env.list(name, default=[])
    if secret.strip()
]
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
# Off: otherwise metadata that anyone with access to Stripe's dashboard can write links a customer to a user here, a
# synced session writes it back to Stripe, and deleting that user deletes the customer at Stripe.
DJSTRIPE_SUBSCRIBER_CUSTOMER_KEY = ""
# The prefix of an older dj-stripe webhook, such as "stripe": <prefix>/webhook/<uuid>/ works like ours. Empty: no URL.
DJSTRIPE_PREFIX = env("DJSTRIPE_PREFIX", default="").strip("/")

# --- Purchases ----------------------------------------------------------------------------------------------------
# Hosts that a checkout may return its buyer to. The site itself is always allowed.
CHECKOUT_RETURN_HOSTS = env.list("CHECKOUT_RETURN_HOSTS", default=[])
# URL of an older front end. Purchases made through its API paths return to its own pages.
FRONTEND_URL = env("FRONTEND_URL", default="").rstrip("/")
# 31 to 1439: Stripe allows 30 minutes to 24 hours.
CHECKOUT_SESSION_LIFETIME = timedelta(minutes=env.int("CHECKOUT_SESSION_MINUTES", default=60))
# How long a purchase may stay open before the sweeper asks Stripe about it.
SWEEP_AFTER = timedelta(minutes=env.int("SWEEP_AFTER_MINUTES", default=10))
# For credits that were spent before their refund: "cap" writes them off, "debt" bills the buyer. For refunds made at
# Stripe (staff choose for their own) and for lost disputes.
REFUND_POLICY = env.str("REFUND_POLICY", default="cap")
DISPUTE_POLICY = env.str("DISPUTE_POLICY", default="debt")
# Total refunds by one member of staff within 24 hours, in each currency's main unit, unless permitted any amount.
REFUND_LIMIT = env.amount("REFUND_LIMIT", default="50")
# Days that the webhook inbox keeps processed events; 0 keeps them forever. Failed ones are always kept.
INBOX_RETENTION_DAYS = env.int("INBOX_RETENTION_DAYS", default=90)
# How long customers are assumed to stay, for the lifetime value on the admin's front page.
CUSTOMER_LIFETIME_DAYS = env.int("CUSTOMER_LIFETIME_DAYS", default=730)
# Whether staff may refund, adjust and approve for themselves and their teams: for a shop with one operator.
STAFF_MAY_SERVE_THEMSELVES = env.bool("STAFF_MAY_SERVE_THEMSELVES", default=False)

# --- Receipts -----------------------------------------------------------------------------------------------------
# The seller, as printed on receipts; \n separates lines of the address. Issued receipts never change.
SELLER_NAME = env("SELLER_NAME", default="") or SITE_NAME
SELLER_ADDRESS = env.str("SELLER_ADDRESS", multiline=True, default="")
SELLER_TAX_ID = env("SELLER_TAX_ID", default="")
# Printed below the total, such as a note on tax. The site calculates none.
RECEIPT_NOTE = env.str("RECEIPT_NOTE", multiline=True, default="")
RECEIPT_PREFIX = env("RECEIPT_PREFIX", default="R")
CREDIT_NOTE_PREFIX = env("CREDIT_NOTE_PREFIX", default="C")
RECEIPT_NUMBERS_PER_YEAR = env.bool("RECEIPT_NUMBERS_PER_YEAR", default=True)
# Stripe creates an invoice for each payment, and we create no receipts.
STRIPE_INVOICES = env.bool("STRIPE_INVOICES", default=False)

# --- Gifts, notices -----------------------------------------------------------------------------------------------
# Credits and gifts that a customer may send within 24 hours. A count of 0 turns gifts off.
GIFT_DAILY_LIMIT = env.amount("GIFT_DAILY_LIMIT", default="10000")
GIFT_DAILY_COUNT = env.int("GIFT_DAILY_COUNT", default=20)
# Hours after a purchase until its credits can be gifted, to leave time to notice a stolen card.
GIFT_AFTER = timedelta(hours=env.int("GIFT_AFTER_HOURS", default=0))
# How many days ahead customers are notified of expiring credits.
EXPIRY_WARNING_DAYS = env.int("EXPIRY_WARNING_DAYS", default=7)

# --- Adjustments --------------------------------------------------------------------------------------------------
# Credits that one member of staff may adjust alone within 24 hours; more needs a second person's approval.
ADJUSTMENT_APPROVAL_ABOVE = env.amount("ADJUSTMENT_APPROVAL_ABOVE", default="1000")

# --- Rate card ----------------------------------------------------------------------------------------------------
# tiktoken's encoding for unknown models. Used if its data is installed.
TOKEN_ENCODING = env("TOKEN_ENCODING", default="o200k_base")

# --- Jobs, email --------------------------------------------------------------------------------------------------
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = "tasks"
PROCRASTINATE_ON_APP_READY = "config.jobs.prepare_jobs"
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", default="credits@example.com")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
EMAIL_TIMEOUT = 10  # for each response of the mail server: a job waits for it
STAFF_EMAIL = env("STAFF_EMAIL", default="")  # notified of new disputes; empty: nobody, staff check the list
SUPPORT_EMAIL = env("SUPPORT_EMAIL", default=DEFAULT_FROM_EMAIL)  # where buyers are asked to write

# --- API ----------------------------------------------------------------------------------------------------------
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.sign_in.bearer.BearerTokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.amounts.api_fields.WrittenNumbersParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "core.problems.exception_handler",
    "DEFAULT_THROTTLE_CLASSES": ["accounts.limits.requests.PersonThrottle"],
    "COERCE_DECIMAL_TO_STRING": False,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Prepaid credits",
    "DESCRIPTION": "Buy credit packs, track purchases, read balances, and spend credits.",
    "VERSION": "0.1.0",  # pyproject.toml's; a test holds the two and the chart equal
    "SERVE_INCLUDE_SCHEMA": False,
    "PREPROCESSING_HOOKS": ["billing.api.urls.without_slashed_twins"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "credits.api.openapi.describe_services",
    ],
    "ENUM_NAME_OVERRIDES": {"PurchaseStatusEnum": "billing.purchases.models.Purchase.Status"},
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "TAGS": [
        {"name": "Buying credits", "description": "Packages, checkouts, purchase history and balance."},
        {
            "name": "For services",
            "description": "Spend, hold, transfer and read credits, for services that charge for their work.",
        },
        {"name": "For admins", "description": "All purchases, and refunds."},
        {"name": "For Stripe", "description": "Webhook events."},
        {
            "name": "Older client",
            "description": "The same operations at their older URLs and in their older shapes.",
        },
    ],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}

# --- Security -----------------------------------------------------------------------------------------------------
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        # Chromium applies form-action to the redirect after a form: to Stripe's checkout, to a bank by way of Stripe
        # (next_action of a payment), and to the customer portal.
        "form-action": [
            SELF,
            STRIPE_CHECKOUT_ORIGIN,
            "https://hooks.stripe.com",
            "https://billing.stripe.com",
        ],
    }
}
if OIDC_ISSUER:  # Signing out is a form too, and redirects to the provider.
    CONTENT_SECURITY_POLICY["DIRECTIVES"]["form-action"].append("/".join(OIDC_ISSUER.split("/", 3)[:3]))

# --- Admin --------------------------------------------------------------------------------------------------------
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": SITE_NAME,
    "SITE_HEADER": SITE_NAME,
    "SITE_SUBHEADER": "backoffice.looks.time_zone",
    "SITE_SYMBOL": "toll",
    "SITE_URL": "/credits/",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("images/favicon.svg")}
    ],
    "STYLES": [lambda request: static("css/admin.css")],
    "SCRIPTS": [lambda request: static("js/time-zone.js")],
    "SHOW_LANGUAGES": True,
    "LANGUAGES": {"action": reverse_lazy("accounts:language")},
    "ACCOUNT": {"navigation": [{"title": _("Time zone"), "link": "/credits/statement/#time-zone"}]},
    "COLORS": {"primary": admin_looks.PRIMARY},
    "DASHBOARD_CALLBACK": "billing.admin.front_page.front_page",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": "config.admin_navigation.sections",
    },
}
