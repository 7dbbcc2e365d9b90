"""What the provider needs of Django's settings. `sandbox/settings.py` takes these over."""

from typing import Any

APPS = ["django.contrib.contenttypes", "django.contrib.auth", "oauth2_provider", "sandbox.openid"]

# Both are lazy: Stripe's side, which knows no session, pays nothing. The pages check CSRF themselves.
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]

# Tables are made from the models as they are: twenty migrations at every start would cost a second each time.
MIGRATION_MODULES: dict[str, None] = dict.fromkeys(["contenttypes", "auth", "oauth2_provider", "openid"])

AUTH_USER_MODEL = "openid.Person"
LOGIN_URL = "openid-sign-in"
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
# The passwords are printed on the sign-in page: a slow hash would protect nothing and slow every test down.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

OAUTH2_PROVIDER: dict[str, Any] = {
    "OIDC_ENABLED": True,
    "OAUTH2_VALIDATOR_CLASS": "sandbox.openid.validator.KeycloakShapedValidator",
    "ACCESS_TOKEN_GENERATOR": "sandbox.openid.tokens.generate_access_token",
    "SCOPES": {
        "openid": "Who you are",
        "profile": "Your name",
        "email": "Your e-mail",
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
