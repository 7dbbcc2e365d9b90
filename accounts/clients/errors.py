"""Define why a service was refused. No message ever holds a token, a key or a hash."""

from __future__ import annotations

from core.errors import DomainError

REALM = "credits"


class ClientError(DomainError):
    """A service's refused call. ``challenge`` is its ``WWW-Authenticate`` (RFC 6750, section 3); empty: no header."""

    challenge = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": self.challenge} if self.challenge else {}


class NotAuthenticated(ClientError):
    """No credentials, or none of a known kind."""

    code = "not_authenticated"
    status = 401
    challenge = f'Bearer realm="{REALM}", Api-Key realm="{REALM}"'


class BadCredentials(ClientError):
    """Invalid credentials; the base class of each reason."""

    status = 401
    challenge = f'Bearer realm="{REALM}", error="invalid_token", Api-Key realm="{REALM}"'


class InvalidClientToken(BadCredentials):
    """An expired or forged token, one for another audience, or no access token at all. ``reason`` is for the log."""

    code = "invalid_token"


class InvalidApiKey(BadCredentials):
    """An unknown key: never issued, mistyped or truncated."""

    code = "invalid_api_key"


class ApiKeyRevoked(BadCredentials):
    """A key that staff have revoked."""

    code = "api_key_revoked"


class ApiKeyExpired(BadCredentials):
    """A key that has expired."""

    code = "api_key_expired"


class PersonToken(ClientError):
    """A user's valid token at an endpoint for services."""

    code = "person_token"
    status = 403


class UnknownClient(ClientError):
    """A valid token of a client that is not registered and lacks the role to be registered automatically."""

    code = "unknown_client"
    status = 403


class ClientDisabled(ClientError):
    """A client that staff have switched off."""

    code = "client_disabled"
    status = 403


class MissingScope(ClientError):
    """A known client without the required ``scope``."""

    code = "missing_scope"
    status = 403

    def __init__(self, scope: str) -> None:
        super().__init__(f"This requires the scope {scope}.", scope=scope)

    @property
    def headers(self) -> dict[str, str]:
        scope = self.params["scope"]
        return {"WWW-Authenticate": f'Bearer realm="{REALM}", error="insufficient_scope", scope="{scope}"'}


class InvalidKeyRequest(ClientError):
    """An invalid request for a key: scopes that the client lacks, or an expiry in the past."""

    code = "invalid_key_request"
