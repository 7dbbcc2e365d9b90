"""Bearer tokens of the OpenID provider (RFC 6750), checked here and now with the provider's cached keys."""

from __future__ import annotations

from typing import Any, NoReturn

import structlog
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied
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
# By Keycloak's mappers for service accounts; ``clientId`` until its version 22.
_SAID_OF_SERVICE_ACCOUNTS = {"clientId", "clientHost", "clientAddress"}
# What to do about a token that was refused, for whoever reads the log.
_ADVICE = {
    "no_sub": "In Keycloak, give the client the scope basic and turn off lightweight access tokens.",
    "sender_constrained": "Turn off DPoP and certificate-bound tokens for the client: use plain bearer tokens.",
}


class ProviderKeysUnreachableError(APIException):
    """The token may well be good: saying 401 would make the client throw it away."""

    status_code = 503
    default_code = ProviderUnavailableError.code
    default_detail = _("Tokens can’t be verified at the moment. Please try again.")
    wait = REFETCH_INTERVAL_S


class BearerTokenAuthentication(BaseAuthentication):
    """Who a request is from, by its ``Authorization: Bearer`` header.

    No header: the next class may know. A header that isn't good: 401, and nobody looks at the session
    cookie. A client that shows a token means that token, and a browser's cookie must not lend it someone's
    rights.
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
        """The challenge of a 401.

        Only a request that brought a token is told that the token is bad (section 3).
        """
        challenge = f'{SCHEME} realm="{REALM}"'
        return challenge if _read_header(request) is None else f'{challenge}, error="invalid_token"'


def _read_header(request: Request) -> str | None:
    """What follows ``Bearer``, maybe nothing; None when the request speaks of no bearer token at all."""
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
    """Whether a program got the token for itself, with client credentials: then nobody stands behind it.

    RFC 9068, section 2.2, makes such a token's ``sub`` the client's id. Keycloak makes it the id of a service
    account, which it names ``service-account-<client>``, opens no session (``sid``) for it, and says from where the
    client called. Its mappers can be taken away one by one, and any one of these is enough.
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
    """The same refusal in HTTP's terms."""
    reason: Any = error.params.get("reason")
    if advice := _ADVICE.get(reason):
        logger.warning("bearer_token_refused", code=error.code, reason=reason, advice=advice)
    else:
        logger.info("bearer_token_refused", code=error.code, reason=reason)
    if isinstance(error, ProviderUnavailableError):
        raise ProviderKeysUnreachableError from None
    if isinstance(error, ClientTokenError):
        raise PermissionDenied(
            _("This endpoint is for users. Use a user’s token."), code=error.code
        ) from None
    if isinstance(error, InvalidTokenError):
        raise AuthenticationFailed(_("Invalid bearer token."), code=error.code) from None
    raise AuthenticationFailed(_("This account is disabled."), code=error.code) from None
