"""Say where signing out goes on: at the provider, which ends its own session."""

from __future__ import annotations

from urllib.parse import urlencode

import jwt
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from accounts.errors import InvalidTokenError, ProviderUnavailableError
from accounts.sign_in.provider import ID_TOKEN_KEY, get_endpoint, is_configured
from accounts.sign_in.provider_keys import find_key


def end_session_url(request: HttpRequest) -> str:
    """Return where to go after signing out: to the provider if the session began there. Call it before signing out.

    Also mozilla-django-oidc's ``OIDC_OP_LOGOUT_URL_METHOD``. See OpenID Connect RP-Initiated Logout 1.0, section 2.
    """
    id_token = request.session.get(ID_TOKEN_KEY)
    if not (id_token and is_configured()):
        return reverse("accounts:login")
    query = {
        "client_id": settings.OIDC_RP_CLIENT_ID,
        "post_logout_redirect_uri": request.build_absolute_uri(reverse("accounts:login")),
    }
    if _is_of_a_current_key(id_token):
        query["id_token_hint"] = id_token
    return f"{get_endpoint('OIDC_OP_LOGOUT_ENDPOINT')}?{urlencode(query)}"


def _is_of_a_current_key(id_token: str) -> bool:
    """Return whether the provider can still verify its own token. If not, a session may outlive the key that began it.

    Keycloak refuses such a hint and keeps its session; without a hint it asks the user, and ends it.
    """
    try:
        find_key(jwt.get_unverified_header(id_token)["kid"])
    except InvalidTokenError:
        return False
    except ProviderUnavailableError:
        return True  # nobody knows
    return True
