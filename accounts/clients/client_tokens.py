"""Access tokens that a service got for itself: whose they are, proven once and remembered until they expire.

An RS256 signature costs more to verify than the rest of a request's authentication. A verified token is remembered by
its SHA-256, and only for as long as the key that proved it is the provider's: once keys are fetched anew or forgotten,
each token is verified again, so a withdrawn key opens nothing here either. What is remembered is who the token is of.
What that client may do is read anew with each request.
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
    """A client as its token names it. ``has_service_role``: the provider says that it may use this API; where the
    token names no roles at all, ``why_no_roles`` says why.
    """

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
    """Whose token it is. No network, and no query.

    Raises:
        InvalidTokenError, ProviderUnavailableError: as `read_access_token` does.
        InvalidClientToken: a client's token that doesn't name the client.
        PersonToken: somebody stands behind it.
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
    """Sure that it is the client's own token, where `is_of_a_client` is sure enough to refuse it to buyers.

    Somebody may have chosen a name that begins as a service account's does, and another provider's tokens of people
    may look like a client's. So: the subject is the client; or it is exactly that client's service account, which has
    no session; or the provider gave it the role of services.
    """
    if claims.get("sub") == client.oidc_client_id:
        return True
    if "sid" in claims or "session_state" in claims:
        return False
    name = claims.get("preferred_username")
    if isinstance(name, str):
        return name.lower() == f"{SERVICE_ACCOUNT_PREFIX}{client.oidc_client_id}".lower()
    # Without a name Keycloak's token of a client without the scope basic has no subject either.
    return client.has_service_role and ("client_id" in claims or "sub" not in claims)


def _remember(digest: bytes, proof: _Proof) -> None:
    with _lock:
        if len(_proofs) >= MOST_REMEMBERED:
            del _proofs[next(iter(_proofs))]
        _proofs[digest] = proof
