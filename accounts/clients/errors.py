"""Why a service was not let in, or not let through. No message ever holds a token, a key or a hash."""

from __future__ import annotations

from core.errors import DomainError

REALM = "credits"


class ClientError(DomainError):
    """A call of a service was refused.

    ``challenge`` is what the answer's ``WWW-Authenticate`` says of it (RFC 6750, section 3); empty: it has none.
    """

    challenge = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": self.challenge} if self.challenge else {}


class NotAuthenticated(ClientError):
    """The call named nobody: no credentials, or none of a kind that is known here."""

    code = "not_authenticated"
    status = 401
    challenge = f'Bearer realm="{REALM}", Api-Key realm="{REALM}"'


class BadCredentials(ClientError):
    """The call brought credentials, and they open nothing. The base of each reason."""

    status = 401
    challenge = f'Bearer realm="{REALM}", error="invalid_token", Api-Key realm="{REALM}"'


class InvalidClientToken(BadCredentials):
    """Expired, forged, for somebody else, or no access token at all. ``reason`` in ``params`` is for the log."""

    code = "invalid_token"


class InvalidApiKey(BadCredentials):
    """No key of ours: never made, mistyped or cut off."""

    code = "invalid_api_key"


class ApiKeyRevoked(BadCredentials):
    """The right key, and staff have revoked it."""

    code = "api_key_revoked"


class ApiKeyExpired(BadCredentials):
    """The right key, and its time is over."""

    code = "api_key_expired"


class PersonToken(ClientError):
    """A valid token of a person, at an address for services."""

    code = "person_token"
    status = 403


class UnknownClient(ClientError):
    """A valid token of a client that is not registered here, and has not the role to be registered by itself."""

    code = "unknown_client"
    status = 403


class ClientDisabled(ClientError):
    """Staff have switched this client off."""

    code = "client_disabled"
    status = 403


class MissingScope(ClientError):
    """The client is known and may not do this. ``scope`` in ``params`` is what it lacks."""

    code = "missing_scope"
    status = 403

    def __init__(self, scope: str) -> None:
        super().__init__(f"This requires the scope {scope}.", scope=scope)

    @property
    def headers(self) -> dict[str, str]:
        scope = self.params["scope"]
        return {"WWW-Authenticate": f'Bearer realm="{REALM}", error="insufficient_scope", scope="{scope}"'}


class InvalidKeyRequest(ClientError):
    """A key was asked for that could not be: scopes that its client has not, or an expiry in the past."""

    code = "invalid_key_request"
