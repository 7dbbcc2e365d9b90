"""Adapt django-oauth-toolkit's provider: Keycloak's claims, tampering, keys that rotate."""

from datetime import UTC, datetime
from typing import Any

import jwt
from jwcrypto.jwk import JWK
from oauth2_provider.oauth2_validators import OAuth2Validator
from oauthlib.common import Request

from sandbox.openid import signing, tampering
from sandbox.openid.tokens import describe_user, make_id_claims


class KeycloakLikeValidator(OAuth2Validator):  # type: ignore[misc]  # django-oauth-toolkit is untyped
    """Answer oauthlib's questions about clients, users and tokens."""

    def validate_silent_login(self, request: Request) -> bool:
        """Allow `prompt=none`: the view has already refused whoever isn't signed in (Core 1.0, 3.1.2.6)."""
        return True

    def validate_silent_authorization(self, request: Request) -> bool:
        """Allow `prompt=none`: no client of the demo needs consent."""
        return True

    def get_additional_claims(self, request: Request) -> dict[str, Any]:
        return describe_user(request.user)

    def get_userinfo_claims(self, request: Request) -> dict[str, Any]:
        claims: dict[str, Any] = super().get_userinfo_claims(request)
        return claims | (tampering.take_next("userinfo") or {})

    def finalize_id_token(
        self, id_token: dict[str, Any], token: Any, token_handler: Any, request: Request
    ) -> str:
        """Sign the id token and store it: the logout endpoint recognizes its own hints by `jti`."""
        claims = make_id_claims(request.user, self.get_oidc_issuer_endpoint(request))
        for name in ("nonce", "at_hash"):
            if value := id_token.get(name) or getattr(request, name, None):
                claims[name] = value
        request.id_token = request.access_token = self._save_id_token(
            claims["jti"], request, datetime.fromtimestamp(claims["exp"], tz=UTC)
        )
        return tampering.forge(claims, tampering.take_next("id_token"))

    def _get_key_for_token(self, token: str) -> JWK | None:
        """Find the key that signed a token, which may be a former one."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.DecodeError:
            return None
        return next((key for key in signing.published_keys() if key.thumbprint() == kid), None)
