"""Sign in with OpenID Connect: mozilla-django-oidc's code flow, with the checks that it leaves out."""

from __future__ import annotations

from typing import Any

import requests
import structlog
from django.contrib.auth.backends import ModelBackend
from django.db.models import QuerySet
from django.http import HttpRequest
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from accounts.errors import InvalidTokenError, ProviderUnavailableError, SignInError
from accounts.models import User
from accounts.people import Identity, read_roles, recognise_person
from accounts.sign_in.id_tokens import Claims, read_id_token, read_own_access_token
from accounts.sign_in.provider import read_setting

logger = structlog.get_logger(__name__)

# Defaults if the provider says nothing at a sign-in: an address removed there is removed here too.
BLANK = {"email": "", "email_verified": False, "given_name": "", "family_name": ""}


class OIDCBackend(OIDCAuthenticationBackend):  # type: ignore[misc]  # mozilla-django-oidc is untyped
    """A backend that exchanges a callback's code for a user. Raises a SignInError that says why not."""

    get_settings = staticmethod(read_setting)

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> User | None:
        """Authenticate only callbacks: a form posted to ``?code=…&state=…`` has no nonce and no verifier."""
        if request is None or not (credentials.get("nonce") and credentials.get("code_verifier")):
            return None
        user: User | None = super().authenticate(request, **credentials)
        return user

    def get_token(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Exchange the code. A 4xx concerns this code, anything else the provider (RFC 6749, section 5.2)."""
        try:
            answer = super().get_token(payload)
        except requests.HTTPError as error:
            if error.response is not None and error.response.status_code < 500:
                raise InvalidTokenError("The code was refused.", reason="code_refused") from None
            raise _unavailable(error) from None
        except requests.RequestException as error:
            raise _unavailable(error) from None
        return _require_object(answer)

    def verify_token(self, token: object, **kwargs: Any) -> Claims:
        return read_id_token(token, kwargs.get("nonce"))

    def store_tokens(self, access_token: object, id_token: object) -> None:
        """Keep the ID token for ``CallbackView``, which knows the session."""
        self.request.oidc_id_token = id_token

    def get_userinfo(self, access_token: object, id_token: object, payload: Claims) -> Claims:
        """Return the userinfo claims. Raises InvalidTokenError if they are another user's (Core 1.0, section 5.3.2)."""
        try:
            userinfo = _require_object(super().get_userinfo(access_token, id_token, payload))
        except requests.RequestException as error:
            raise _unavailable(error) from None
        if userinfo.get("sub") != payload["sub"]:
            raise InvalidTokenError("The claims are not this person's.", reason="userinfo_sub")
        return userinfo

    def get_or_create_user(self, access_token: object, id_token: object, payload: Claims) -> User:
        userinfo = self.get_userinfo(access_token, id_token, payload)
        claims = {**BLANK, **payload, **userinfo, **_read_email(payload, userinfo), "iat": payload["iat"]}
        self.request.oidc_id_claims = payload
        if read_roles(claims) is None:
            claims |= _read_roles_of_access_token(access_token, payload)
        identity = Identity.from_claims(claims)
        if claims["email"] and not identity.email:
            logger.info("oidc_email_not_used", sub=identity.sub, verified=claims["email_verified"])
        return recognise_person(identity, signing_in=True)

    def filter_users_by_claims(self, claims: Claims) -> QuerySet[User]:
        """Find users by subject, never by email address. ``get_or_create_user`` doesn't call this."""
        return User.objects.filter(oidc_sub=claims.get("sub") or None).exclude(oidc_sub=None)

    def get_user(self, user_id: Any) -> User | None:
        """Refuse a user who was disabled after signing in, as Django does and mozilla-django-oidc doesn't."""
        user = ModelBackend.get_user(self, user_id)
        return user if isinstance(user, User) else None


def _read_email(payload: Claims, userinfo: Claims) -> Claims:
    """Return the address with its own response's verification: one address must not be verified by another's claim."""
    said = userinfo if "email" in userinfo else payload
    return {name: said.get(name) or BLANK[name] for name in ("email", "email_verified")}


def _read_roles_of_access_token(access_token: object, payload: Claims) -> Claims:
    """Return the access token's claims: Keycloak puts roles there and, without an extra mapper, nowhere else."""
    try:
        claims = read_own_access_token(access_token)
    except SignInError as error:
        logger.warning("oidc_access_token_without_roles", reason=error.params.get("reason"))
        return {}
    if not _is_same_person(claims, payload):
        logger.warning("oidc_access_token_without_roles", reason="no_sub" if "sub" not in claims else "sub")
        return {}
    return {name: claims[name] for name in claims.keys() - _PERSONAL}


def _is_same_person(access: Claims, identity: Claims) -> bool:
    """Compare subjects; or sessions if Keycloak leaves out the subject (a client without the scope ``basic``)."""
    if "sub" in access:
        return bool(access["sub"] == identity["sub"])
    return "sid" in access and access["sid"] == identity.get("sid")


# Never taken from the access token, which is read for its roles only.
_PERSONAL = {"sub", "iat", "preferred_username", "name", *BLANK}


def _require_object(answer: object) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise ProviderUnavailableError("The OpenID provider's answer makes no sense.", reason="not_an_object")
    return answer


def _unavailable(error: Exception) -> ProviderUnavailableError:
    return ProviderUnavailableError("The OpenID provider doesn't answer.", reason=type(error).__name__)
