"""Match users by the provider's claims, the same way for sign-ins and bearer tokens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts.audit.context import acting
from accounts.errors import AccountDisabledError
from accounts.models import User

Claims = dict[str, Any]

logger = structlog.get_logger(__name__)

# The audit's cause for what the provider decides.
BY_PROVIDER = "provider_roles"


@dataclass(frozen=True)
class Identity:
    """A user as the provider describes them. ``None``: it says nothing, and our value is kept.

    A token without roles grants none: nobody stays staff because a claim is missing. ``why_no_roles`` is for the log.
    """

    sub: str
    issued_at: datetime
    username: str | None
    email: str | None
    first_name: str | None
    last_name: str | None
    roles: frozenset[str]
    why_no_roles: str = ""

    @property
    def staff_roles(self) -> frozenset[str]:
        """Return the roles that stand for a group of the admin."""
        return self.roles & frozenset(settings.STAFF_GROUPS)

    @classmethod
    def from_claims(cls, claims: Claims) -> Identity:
        """Read verified claims: ``sub`` and ``iat`` are valid, the rest may be anything."""
        email = _read_email(claims)
        return cls(
            sub=claims["sub"],
            issued_at=datetime.fromtimestamp(max(0, int(claims["iat"])), tz=UTC),
            username=_read_text(claims, "preferred_username", 100) or None,
            email=None if email is None else User.objects.normalize_email(email),
            first_name=_read_text(claims, "given_name", 150),
            last_name=_read_text(claims, "family_name", 150),
            roles=frozenset(read_roles(claims) or ()),
            why_no_roles=explain_missing_roles(claims),
        )


def read_roles(claims: Claims) -> list[str] | None:
    """Return the list under ``OIDC_ROLES_CLAIM``, a name or a dotted path; None if there is no such list."""
    return _find_roles(claims)[0]


def explain_missing_roles(claims: Claims) -> str:
    """Return why the claims have no list of roles, for the log; empty if they have one."""
    return _find_roles(claims)[1]


def _find_roles(claims: Claims) -> tuple[list[str] | None, str]:
    name = settings.OIDC_ROLES_CLAIM
    found: Any = claims
    way: list[str] = []
    for part in [name] if name in claims else name.split("."):
        if not isinstance(found, dict):
            return None, f"{'.'.join(way)} is not an object"
        way.append(part)
        if part not in found:
            return None, f"{'.'.join(way)} is missing"
        found = found[part]
    if not isinstance(found, list):
        return None, f"{name} is not a list"
    roles = [role for role in found if isinstance(role, str)]
    return roles, "" if len(roles) == len(found) else f"{name} contains an invalid name"


def recognise_person(identity: Identity, *, signing_in: bool = False) -> User:
    """Return the user of this ``sub``: created at first, then kept up to date. Raises AccountDisabledError.

    Only the subject counts: an address can pass to another user, and a user made by hand belongs to its password's
    owner.
    """
    user = _find_user(identity.sub) or _create_user(identity)
    if not user.is_active:
        raise AccountDisabledError("This account is disabled.", reason="inactive", user=str(user.pk))
    had_rights = user.is_staff
    _bring_up_to_date(user, identity, always=signing_in)
    _log_missing_roles(user, identity, lost_rights=had_rights and not user.is_staff, signing_in=signing_in)
    return user


def _log_missing_roles(user: User, identity: Identity, *, lost_rights: bool, signing_in: bool) -> None:
    """Log why the roles are gone: a withdrawn role and a missing claim have the same effect."""
    if identity.why_no_roles and (lost_rights or signing_in):
        log = logger.warning if lost_rights else logger.info
        log("provider_named_no_roles", why=identity.why_no_roles, user=str(user.pk))


def follow_provider_roles(user: User) -> None:
    """Set the user's admin groups to those that the provider's roles name. Other groups stay as they are."""
    roles = Group.objects.filter(name__in=settings.STAFF_GROUPS)
    given = roles.filter(name__in=user.provider_roles.split(","))
    user.groups.remove(*roles.exclude(pk__in=given))
    user.groups.add(*given)


def _find_user(sub: str) -> User | None:
    return User.objects.filter(oidc_sub=sub).first()


def _create_user(identity: Identity) -> User:
    """Create a user without a password. Of several simultaneous first requests one creates it, the others find it."""
    fields = {**_read_fields(identity), "oidc_sub": identity.sub, "claims_issued_at": identity.issued_at}
    for username in _propose_usernames(identity):
        try:
            with transaction.atomic(), acting(cause=BY_PROVIDER):
                made = User.objects.create_user(username, **fields)
                follow_provider_roles(made)
                return made
        except IntegrityError:
            if user := _find_user(identity.sub):
                return user
    raise IntegrityError("no free username")


def _propose_usernames(identity: Identity) -> Iterator[str]:
    """Yield the provider's username, then the same with a suffix unique to this subject."""
    digest = hashlib.sha256(identity.sub.encode()).hexdigest()
    name = identity.username or "person"
    if identity.username:
        yield name
    yield f"{name}-{digest[:8]}"
    yield f"{name}-{digest[:40]}"


def _bring_up_to_date(user: User, identity: Identity, *, always: bool) -> None:
    """Save what changed.

    Older claims are ignored: an earlier token would restore a withdrawn role. An erased user stays erased.
    """
    changes = {name: value for name, value in _read_fields(identity).items() if getattr(user, name) != value}
    if not (changes or always):
        return
    changes["claims_issued_at"] = identity.issued_at
    newer = Q(claims_issued_at__isnull=True) | Q(claims_issued_at__lte=identity.issued_at)
    with transaction.atomic(), acting(cause=BY_PROVIDER):
        if User.objects.filter(newer, pk=user.pk, erased_at__isnull=True).update(**changes):
            for name, value in changes.items():
                setattr(user, name, value)
            if "provider_roles" in changes:
                follow_provider_roles(user)


def _read_fields(identity: Identity) -> dict[str, Any]:
    """Return the fields of ``User`` that the provider decides."""
    said = {"email": identity.email, "first_name": identity.first_name, "last_name": identity.last_name}
    is_admin = settings.OIDC_ADMIN_ROLE in identity.roles
    return {name: value for name, value in said.items() if value is not None} | {
        "is_staff": is_admin or settings.OIDC_STAFF_ROLE in identity.roles or bool(identity.staff_roles),
        "is_superuser": is_admin,
        "provider_roles": ",".join(sorted(identity.staff_roles)),
    }


def _read_email(claims: Claims) -> str | None:
    """Return the verified address: blank if it isn't verified, None if the provider doesn't say.

    At the provider, anyone may enter anyone's address, and would receive what is meant for its owner: gifts, grants,
    emails (OpenID Connect Core 1.0, section 5.7). So an unverified address counts as none.
    """
    email = _read_text(claims, "email", 254)
    if not email:
        return email
    if claims.get("email_verified") is None:
        return None
    return email if _is_true(claims["email_verified"]) and _is_address(email) else ""


def _is_true(value: object) -> bool:
    """Return whether the claim is true; some providers send booleans as text."""
    return value is True or value == "true"


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _read_text(claims: Claims, name: str, limit: int) -> str | None:
    """Return a claim as text that the database accepts: blank if too long, None if missing or no text."""
    value = claims.get(name)
    if not isinstance(value, str):
        return None
    text = value.replace("\x00", "").strip()
    return text if len(text) <= limit else ""
