"""What is held about a person who signs in, as the files of their export (`billing.personal_export`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain

from django.contrib.admin.models import LogEntry
from django.db.models import Q

from accounts.audit.models import AuditEntry
from accounts.clients.models import ApiKey
from accounts.email_addresses import email_key
from accounts.models import User
from accounts.teams.models import Invitation, MemberAllowance, Membership
from config.csv_lines import csv_lines, harmless, utc_text
from config.row_batches import in_row_batches

TEAMS = ["team", "name", "role", "joined", "cap", "cap_period"]
SPENDING = ["team", "period", "from", "spent"]
INVITATIONS = [
    "invitation",
    "direction",
    "team",
    "email",
    "role",
    "created",
    "expires",
    "accepted",
    "revoked",
]
KEYS = ["client", "client_created", "key", "prefix", "key_created", "expires", "last_used", "revoked"]
ACTS = ["time", "kind", "object", "what"]


def profile(user: User) -> Iterator[str]:
    """The user's own row as JSON, without the password's hash."""
    held = {
        "id": str(user.pk),
        "username": user.username,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "openid_subject": user.oidc_sub,
        "time_zone": user.time_zone,
        "joined": utc_text(user.date_joined),
        "last_sign_in": utc_text(user.last_login),
        "claims_issued": utc_text(user.claims_issued_at),
        "provider_roles": user.provider_roles,
        "groups": sorted(user.groups.values_list("name", flat=True)),
        "permissions": sorted(user.user_permissions.values_list("codename", flat=True)),
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
    }
    yield json.dumps(held, indent=2, ensure_ascii=False) + "\n"


def teams(user: User) -> Iterator[str]:
    """The teams the person is in, and as what."""
    rows = Membership.objects.filter(user=user).select_related("team").order_by("joined_at", "pk")
    return csv_lines(TEAMS, [map(_membership, rows)])


def team_spending(user: User) -> Iterator[str]:
    """What the person spent of their teams' credits, by day, week and month; also of teams that they have left."""
    batches = in_row_batches(MemberAllowance.objects.filter(user=user), ["id"])
    return csv_lines(SPENDING, (map(_allowance, batch) for batch in batches))


def invitations(user: User) -> Iterator[str]:
    """Those that the person sent, and those sent to their address or accepted by them."""
    received = Q(accepted_by=user) | Q(email=email_key(user.email))
    rows = Invitation.objects.filter(Q(invited_by=user) | received).order_by("created_at", "pk")
    return csv_lines(INVITATIONS, [(_invitation(row, user) for row in rows)])


def keys(user: User) -> Iterator[str]:
    """API clients that the person registered, and their keys: names and dates, no secrets."""
    rows = ApiKey.objects.filter(client__created_by=user).select_related("client").order_by("pk")
    return csv_lines(KEYS, [map(_key, rows)])


def acts(user: User) -> Iterator[str]:
    """What the person did in the back office: as the admin's history words it, and as the audit has it."""
    history = LogEntry.objects.filter(user=user).prefetch_related("content_type")
    audited = AuditEntry.objects.filter(actor_id=user.pk)
    batches = chain(
        (map(_act, batch) for batch in in_row_batches(history, ["id"])),
        (map(_audited, batch) for batch in in_row_batches(audited, ["at", "id"])),
    )
    return csv_lines(ACTS, batches)


def _audited(row: AuditEntry) -> list[str]:
    return [utc_text(row.at), row.kind, row.object_id, row.act]


def _membership(row: Membership) -> list[str]:
    cap = "" if row.cap is None else f"{row.cap:f}"
    return [str(row.team_id), harmless(row.team.name), row.role, utc_text(row.joined_at), cap, row.cap_period]


def _allowance(row: MemberAllowance) -> list[str]:
    return [str(row.team_id), row.period, str(row.starts_on), f"{row.spent:f}"]


def _invitation(row: Invitation, user: User) -> list[str]:
    return [
        str(row.pk),
        "sent" if row.invited_by_id == user.pk else "received",
        str(row.team_id),
        harmless(row.email),
        row.role,
        utc_text(row.created_at),
        utc_text(row.expires_at),
        utc_text(row.accepted_at),
        utc_text(row.revoked_at),
    ]


def _key(row: ApiKey) -> list[str]:
    return [
        harmless(row.client.name),
        utc_text(row.client.created_at),
        harmless(row.name),
        row.prefix,
        utc_text(row.created_at),
        utc_text(row.expires_at),
        utc_text(row.last_used_at),
        utc_text(row.revoked_at),
    ]


def _act(row: LogEntry) -> list[str]:
    kind = f"{row.content_type.app_label}.{row.content_type.model}" if row.content_type else ""
    return [utc_text(row.action_time), kind, harmless(row.object_repr), harmless(row.get_change_message())]
