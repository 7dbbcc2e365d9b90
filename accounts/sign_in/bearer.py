"""Authenticate the OpenID provider's bearer tokens (RFC 6750) with its cached keys."""

from __future__ import annotations

from typing import Any, NoReturn

import structlog
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from accounts.errors import ClientTokenError, InvalidTokenError, ProviderUnavailableError, SignInError
from accounts.models import User
from accounts.people import Identity, recognise_person
from accounts.sign_in import provider
from accounts.sign_in.id_tokens import Claims, read_access_token, require_subject
from accounts.sign_in.provider_keys import REFETCH_INTERVAL_S

logger = structlog.get_logger(__name__)

SCHEME = "Bearer"
REALM = "credits"
SERVICE_ACCOUNT_PREFIX = "service-account-"
# Added by Keycloak's mappers for service accounts; ``clientId`` until version 22.
_SAID_OF_SERVICE_ACCOUNTS = {"clientId", "clientHost", "clientAddress"}
# Advice for the log on a refused token.
_AUDIENCE = (
    "In Keycloak, give the client a mapper of type Audience that adds OIDC_API_AUDIENCE to the access token."
)
_ADVICE = {
    "InvalidAudienceError": _AUDIENCE,
    "no_aud": f"{_AUDIENCE} Lightweight access tokens lack it, too.",
    "no_sub": "In Keycloak, give the client the scope basic and turn off lightweight access tokens.",
    "sender_constrained": "Turn off DPoP and certificate-bound tokens for the client: use plain bearer tokens.",
}


class BearerTokenAuthentication(BaseAuthentication):
    """Authentication of a user by the ``Authorization: Bearer`` header.

    Without it, the next class decides. A bad one gets a 401: the session's cookie must not lend a token its rights.
    """

    def authenticate(self, request: Request) -> tuple[User, Claims] | None:
        token = _read_header(request)
        if token is None:
            return None
        try:
            return _authenticate_token(token)
        except SignInError as error:
            _refuse(error)

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401, which mentions a bad token only if the request had one (section 3)."""
        challenge = f'{SCHEME} realm="{REALM}"'
        return challenge if _read_header(request) is None else f'{challenge}, error="invalid_token"'


def _read_header(request: Request) -> str | None:
    """Return what follows ``Bearer``, possibly empty; None if the request has no bearer token."""
    scheme, _space, token = get_authorization_header(request).decode("latin-1").strip().partition(" ")
    return token.strip() if scheme.lower() == SCHEME.lower() else None


def _authenticate_token(token: str) -> tuple[User, Claims]:
    if not provider.is_configured():
        raise InvalidTokenError("No OpenID provider is configured.", reason="no_provider")
    claims = read_access_token(token)
    if is_of_a_client(claims):
        raise ClientTokenError("This endpoint is for users.", reason="client_token")
    return recognise_person(Identity.from_claims(require_subject(claims))), claims


def is_of_a_client(claims: Claims) -> bool:
    """Return whether a client obtained the token for itself, with client credentials, so that no user is behind it.

    RFC 9068, section 2.2, makes such a token's ``sub`` the client's id. Keycloak makes it the id of a service account
    named ``service-account-<client>``, opens no session (``sid``) for it, and adds where the client called from. Its
    mappers can each be removed, and any one of these signs is enough.
    """
    if _SAID_OF_SERVICE_ACCOUNTS & claims.keys():
        return True
    client = claims.get("client_id") or claims.get("azp")
    if client is not None and claims.get("sub") == client:
        return True
    name = claims.get("preferred_username")
    if isinstance(name, str) and name.lower().startswith(SERVICE_ACCOUNT_PREFIX):
        return True
    if "sid" in claims or "session_state" in claims:
        return False
    is_keycloaks = claims.get("typ") == "Bearer"
    if isinstance(name, str):
        return is_keycloaks and "client_id" in claims
    return is_keycloaks or "client_id" in claims


def _refuse(error: SignInError) -> NoReturn:
    """Raise the error that answers this refusal over HTTP."""
    reason: Any = error.params.get("reason")
    if advice := _ADVICE.get(reason):
        logger.warning("bearer_token_refused", code=error.code, reason=reason, advice=advice)
    else:
        logger.info("bearer_token_refused", code=error.code, reason=reason)
    if isinstance(error, ProviderUnavailableError):
        # The token may be valid, and a 401 would make the client discard it.
        raise ProviderUnavailableError(
            _("Tokens can’t be verified at the moment. Please try again."),
            retry_after=int(REFETCH_INTERVAL_S),
        ) from None
    if isinstance(error, ClientTokenError):
        raise PermissionDenied(
            _("This endpoint is for users. Use a user’s token."), code=error.code
        ) from None
    if isinstance(error, InvalidTokenError):
        raise AuthenticationFailed(_("Invalid bearer token."), code=error.code) from None
    raise AuthenticationFailed(_("This account is disabled."), code=error.code) from None
