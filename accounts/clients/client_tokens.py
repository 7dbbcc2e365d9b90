"""Verify access tokens that services obtain for themselves, and cache the result until they expire.

Verifying an RS256 signature costs more than the rest of a request's authentication. So a verified token is cached by
its SHA-256, for as long as the key that verified it is the provider's: when keys are refetched or dropped, every token
is verified again, and a withdrawn key is refused here too. Only the client's identity is cached, not its scopes.
"""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass
from typing import NamedTuple

import jwt
from django.conf import settings

from accounts.clients.errors import InvalidClientToken, PersonToken
from accounts.people import explain_missing_roles, read_roles
from accounts.sign_in.bearer import SERVICE_ACCOUNT_PREFIX, is_of_a_client
from accounts.sign_in.id_tokens import LEEWAY_S, Claims, read_access_token
from accounts.sign_in.provider_keys import find_key

MOST_REMEMBERED = 1000
MAX_ID_LENGTH = 255
_FOR_SERVICES = "This endpoint is for services. Use client credentials or an API key."


@dataclass(frozen=True, slots=True)
class TokenClient:
    """A client as its token names it. ``has_service_role``: it may use this API; ``why_no_roles``: if it has none."""

    oidc_client_id: str
    has_service_role: bool
    why_no_roles: str = ""


class _Proof(NamedTuple):
    client: TokenClient
    kid: str
    key: jwt.PyJWK
    expires_at: int


_proofs: dict[bytes, _Proof] = {}
_lock = threading.Lock()


def read_client(token: str) -> TokenClient:
    """Return the token's client, without a network call or a query.

    Raises:
        InvalidTokenError, ProviderUnavailableError: as in `read_access_token`.
        InvalidClientToken: a client's token that doesn't name the client.
        PersonToken: the token belongs to a user.
    """
    digest = hashlib.sha256(token.encode()).digest()
    proof = _proofs.get(digest)
    if proof is None or time.time() >= proof.expires_at + LEEWAY_S or find_key(proof.kid) is not proof.key:
        proof = _prove(token)
        _remember(digest, proof)
    return proof.client


def _prove(token: str) -> _Proof:
    claims = read_access_token(token)
    if not is_of_a_client(claims):
        raise PersonToken(_FOR_SERVICES)
    client = TokenClient(
        _read_client_id(claims),
        has_service_role=settings.OIDC_SERVICE_ROLE in (read_roles(claims) or ()),
        why_no_roles=explain_missing_roles(claims),
    )
    if not _nobody_stands_behind(claims, client):
        raise PersonToken(_FOR_SERVICES)
    kid = jwt.get_unverified_header(token)["kid"]
    return _Proof(client, kid, find_key(kid), int(claims["exp"]))


def _read_client_id(claims: Claims) -> str:
    client_id = claims.get("client_id") or claims.get("azp")
    if not isinstance(client_id, str) or len(client_id) > MAX_ID_LENGTH or "\x00" in client_id:
        raise InvalidClientToken("The token does not name its client.", reason="client_id")
    return client_id


def _nobody_stands_behind(claims: Claims, client: TokenClient) -> bool:
    """Return whether a token is certainly the client's own; for `is_of_a_client`, being probably so is enough.

    A user's name may begin like a service account's, and another provider's user tokens may look like a client's. So
    either the subject is the client, or it is that client's service account without a session, or it has the service
    role.
    """
    if claims.get("sub") == client.oidc_client_id:
        return True
    if "sid" in claims or "session_state" in claims:
        return False
    name = claims.get("preferred_username")
    if isinstance(name, str):
        return name.lower() == f"{SERVICE_ACCOUNT_PREFIX}{client.oidc_client_id}".lower()
    # Without a name: Keycloak leaves out the subject too if the client lacks the scope basic.
    return client.has_service_role and ("client_id" in claims or "sub" not in claims)


def _remember(digest: bytes, proof: _Proof) -> None:
    with _lock:
        if len(_proofs) >= MOST_REMEMBERED:
            del _proofs[next(iter(_proofs))]
        _proofs[digest] = proof
