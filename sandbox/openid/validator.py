"""How this provider differs from django-oauth-toolkit's own: Keycloak's claims, our keys, local redirects."""

from datetime import UTC, datetime
from typing import Any

import jwt
from jwcrypto.jwk import JWK
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.common import Request

from sandbox.openid import orders, redirects, signing
from sandbox.openid.people import WEB_CLIENT
from sandbox.openid.tokens import describe_person, forge, make_id_claims, read_forgery


class KeycloakShapedValidator(OAuth2Validator):  # type: ignore[misc]  # django-oauth-toolkit is untyped
    """Answers oauthlib's questions about clients, people and tokens."""

    def validate_silent_login(self, request: Request) -> bool:
        """For `prompt=none`: the view has sent away whoever isn't signed in (Core 1.0, 3.1.2.6)."""
        return True

    def validate_silent_authorization(self, request: Request) -> bool:
        """For `prompt=none`: no client of the demo needs consent."""
        return True

    def validate_redirect_uri(
        self, client_id: str, redirect_uri: str, request: Request, *args: Any, **kwargs: Any
    ) -> bool:
        return client_id == WEB_CLIENT and redirects.is_callback(redirect_uri)

    def get_additional_claims(self, request: Request) -> dict[str, Any]:
        return describe_person(request.user)

    def get_userinfo_claims(self, request: Request) -> dict[str, Any]:
        claims: dict[str, Any] = super().get_userinfo_claims(request)
        return claims | (orders.take("userinfo") or {})

    def finalize_id_token(
        self, id_token: dict[str, Any], token: Any, token_handler: Any, request: Request
    ) -> str:
        """Signs the id token and remembers it: the logout endpoint knows its own hints by `jti`."""
        claims = make_id_claims(request.user, self.get_oidc_issuer_endpoint(request))
        for name in ("nonce", "at_hash"):
            if value := id_token.get(name) or getattr(request, name, None):
                claims[name] = value
        request.id_token = request.access_token = self._save_id_token(
            claims["jti"], request, datetime.fromtimestamp(claims["exp"], tz=UTC)
        )
        return forge(claims, **read_forgery(orders.take("id_token") or {}))

    def _get_key_for_token(self, token: str) -> JWK | None:
        try:
            key = signing.find_key(jwt.get_unverified_header(token).get("kid"))
        except jwt.DecodeError:
            return None
        return JWK.from_pem(key.public_pem) if key else None
