"""Identify the service behind a request from its ``Authorization`` header: one query, no network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.conf import settings

from accounts.clients.api_keys import START, is_key, read_prefix
from accounts.clients.client_tokens import TokenClient, read_client
from accounts.clients.errors import (
    ApiKeyExpired,
    ApiKeyRevoked,
    ClientDisabled,
    ClientError,
    InvalidApiKey,
    InvalidClientToken,
    MissingScope,
    NotAuthenticated,
    UnknownClient,
)
from accounts.clients.last_use import record_use
from accounts.clients.lookup import ClientRow, find_client, find_key
from accounts.clients.registration import register_client
from accounts.errors import InvalidTokenError, ProviderUnavailableError
from accounts.sign_in import provider
from accounts.sign_in.provider_keys import REFETCH_INTERVAL_S

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Client:
    """The calling service, and what its credentials allow."""

    id: UUID
    name: str
    scopes: frozenset[str]
    requests_per_minute: int


def authenticate_client(authorization_header: str) -> Client:
    """Return the service behind ``Bearer <token>``, ``Bearer pck_…`` or ``Api-Key pck_…``.

    Raises:
        NotAuthenticated: no credentials, or of another kind.
        BadCredentials: an invalid token or key; the subclasses say why.
        PersonToken, UnknownClient, ClientDisabled: valid credentials that give no access here.
        ProviderUnavailableError: the token can't be checked now; it may be valid.
    """
    scheme, _space, rest = authorization_header.strip().partition(" ")
    scheme, credentials = scheme.lower(), rest.strip()
    try:
        if scheme == "api-key" or (scheme == "bearer" and credentials.startswith(START)):
            return _authenticate_key(credentials)
        if scheme == "bearer":
            return _authenticate_token(credentials)
    except ClientError as error:
        logger.info("client_refused", code=error.code, reason=error.params.get("reason"))
        raise
    raise NotAuthenticated("Sign in with client credentials or an API key.")


def require_scope(client: Client, scope: str) -> None:
    """Require a scope of the client. Raises MissingScope."""
    if scope not in client.scopes:
        raise MissingScope(scope)


def _authenticate_key(text: str) -> Client:
    prefix = read_prefix(text)
    found = find_key(prefix) if prefix else None
    if found is None or not is_key(text, found[1].secret_hash):
        raise InvalidApiKey("Invalid API key.")
    client, key = found
    if key.is_revoked:
        raise ApiKeyRevoked("This API key has been revoked.")
    if key.is_expired:
        raise ApiKeyExpired("This API key has expired.")
    _check_active(client)
    if client.use_is_old or key.use_is_old:
        record_use(client.id, key.id)
    # A scope that the client loses is lost to its keys too.
    granted = client.scopes if key.scopes is None else set(key.scopes).intersection(client.scopes)
    return _describe(client, granted)


def _authenticate_token(token: str) -> Client:
    named = _read_token(token)
    client = find_client(named.oidc_client_id) or _register(named)
    _check_active(client)
    if client.use_is_old:
        record_use(client.id)
    return _describe(client, client.scopes)


def _read_token(token: str) -> TokenClient:
    if not provider.is_configured():
        raise InvalidClientToken("Invalid token.", reason="no_provider")
    if not token.isascii():
        raise InvalidClientToken("Invalid token.", reason="not_ascii")
    try:
        return read_client(token)
    except InvalidTokenError as error:
        raise InvalidClientToken("Invalid token.", **error.params) from None
    except ProviderUnavailableError:
        logger.warning("client_token_not_checked", reason="keys_not_fetched")
        raise ProviderUnavailableError(
            "Tokens can't be verified at the moment. Please try again.", retry_after=int(REFETCH_INTERVAL_S)
        ) from None


def _register(named: TokenClient) -> ClientRow:
    if not named.has_service_role:
        reason = named.why_no_roles or "no_service_role"
        raise UnknownClient("Unknown client.", reason=reason)
    register_client(named.oidc_client_id)
    client = find_client(named.oidc_client_id)
    assert client is not None  # noqa: S101  # created or found just now, and clients are never deleted
    return client


def _check_active(client: ClientRow) -> None:
    if not client.is_active:
        raise ClientDisabled("This client is disabled.", reason=str(client.id))


def _describe(client: ClientRow, scopes: Iterable[str]) -> Client:
    rate = client.requests_per_minute or settings.CREDITS_API_RATE
    return Client(client.id, client.name, frozenset(scopes), rate)
