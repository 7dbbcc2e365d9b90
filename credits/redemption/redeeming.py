"""Redeem a code: one conditional statement takes a use of it, in the transaction that grants the credits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.models import User
from accounts.presence import keep_from_erasure
from accounts.teams.membership import find_own
from accounts.teams.models import Team
from credits.ledger import operations as ledger
from credits.ledger.arguments import checked_text
from credits.ledger.models import Account, Entry
from credits.ledger.own_account import allow_self_service
from credits.redemption.codes import hash_code, read_code
from credits.redemption.errors import CodeInvalid
from credits.redemption.escrow import Redeemed, redeem_escrow, redeemed_escrow
from credits.redemption.models import EscrowCode, Redemption
from credits.redemption.tries import redemption_try

KEY = "redemption:"

# Sharing the batch's lock makes a revocation wait for what it comes too late for. Every refusal is the same: no row.
TAKE_A_USE = """
    WITH batch AS MATERIALIZED (
        SELECT b.id, b.credits, b.uses, b.validity_days
        FROM redemption_code c JOIN redemption_codebatch b ON b.id = c.batch_id
        WHERE c.code_hash = %(code)s AND b.revoked_at IS NULL
              AND (b.expires_at IS NULL OR b.expires_at > clock_timestamp())
              AND (%(self_service)s OR b.created_by_id IS NULL OR NOT EXISTS (
                  SELECT FROM credits_account a
                  LEFT JOIN teams_membership m ON m.team_id = a.team_id AND m.user_id = b.created_by_id
                  WHERE a.id = %(account)s
                        AND (b.created_by_id = %(user)s OR b.created_by_id = a.owner_id OR m.id IS NOT NULL)
              ))
        FOR SHARE OF b
    )
    UPDATE redemption_code c SET uses_left = c.uses_left - 1
    FROM batch
    WHERE c.code_hash = %(code)s AND c.batch_id = batch.id AND c.uses_left > 0 AND c.revoked_at IS NULL
          AND NOT EXISTS (
              SELECT FROM redemption_redemption r WHERE r.code_id = c.id AND r.account_id = %(account)s
          )
    RETURNING c.id, c.last4, batch.id, batch.credits, batch.validity_days, batch.uses - c.uses_left
"""


@dataclass(frozen=True)
class _Use:
    """A use taken from a code."""

    code_id: int
    last4: str
    batch_id: UUID
    credits: Decimal
    validity_days: int | None
    number: int


def redeem(user: User, text: str, *, address: str, team_id: UUID | None = None, key: str = "") -> Redeemed:
    """Redeem a code for the user's own account or for a team of theirs, from an IP address.

    Each account redeems a code once. A repeat with the same ``key`` returns the first answer, for clients that lost it;
    without a key, a repeat is refused.

    Raises:
        CodeInvalid: there is nothing to redeem, for whatever reason. Nothing was changed.
        RateLimited: too many invalid codes within the hour.
        UnknownTeam: there is no such team, or the user is not in it.
        InvalidEntry: the key can't be stored.
        UserErased, AccountClosed, SumTooLarge: the account can't take the credits in. The code keeps its use.
    """
    checked_text("key", key)
    team = find_own(team_id, user).team if team_id else None
    with redemption_try([user.pk, *([team.pk] if team else [])], address):
        code = read_code(text)
        if code is None:
            raise _invalid()
        with transaction.atomic():
            keep_from_erasure(user.pk)
            return _redeem(user, team, hash_code(code), key)


def _redeem(user: User, team: Team | None, code_hash: str, key: str) -> Redeemed:
    account = ledger.open_team_account(team) if team else ledger.open_account(user)
    # First, in the ledger's order: of two calls for one account the second sees what the first has redeemed.
    Account.objects.select_for_update(no_key=True).get(pk=account.pk)
    use = _take_a_use(code_hash, account, user)
    if use is None:
        moved = redeem_escrow(user, account, code_hash, key)
        return moved or _redeemed_before(account, code_hash, key)
    expires_at = timezone.now() + timedelta(days=use.validity_days) if use.validity_days else None
    with override(settings.LANGUAGE_CODE):  # kept in the ledger, for the team and for staff too
        description = _("Redemption code ending in %(last4)s") % {"last4": use.last4}
    granted = ledger.grant(
        account.pk,
        use.credits,
        kind=Entry.Kind.PROMOTION,
        key=f"{KEY}{use.code_id}",
        reference=f"{KEY}{use.code_id}",
        metadata={"description": description, "batch": str(use.batch_id)},
        promotional=True,
        expires_at=expires_at,
    )
    Redemption.objects.create(
        code_id=use.code_id,
        account=account,
        user=user,
        entry_id=granted.entry_id,
        use=use.number,
        key=key,
        credits_expire_at=expires_at,
    )
    return Redeemed(granted.amount, granted.balance_after, expires_at)


def _take_a_use(code_hash: str, account: Account, user: User) -> _Use | None:
    """Take one use of the code, if anything is left to redeem for this account."""
    self_service: bool = settings.STAFF_MAY_SERVE_THEMSELVES
    if self_service:
        allow_self_service()
    arguments: dict[str, Any] = {
        "code": code_hash,
        "account": account.pk,
        "user": user.pk,
        "self_service": self_service,
    }
    with connection.cursor() as cursor:
        cursor.execute(TAKE_A_USE, arguments)
        row = cursor.fetchone()
    return _Use(*row) if row else None


def _redeemed_before(account: Account, code_hash: str, key: str) -> Redeemed:
    """Return the answer to the first call with this key. Raises CodeInvalid if there was none."""
    earlier: Redemption | EscrowCode | None = (
        Redemption.objects.exclude(key="")
        .select_related("entry")
        .filter(account=account, code__code_hash=code_hash, key=key)
        .first()
    )
    if earlier is None:
        earlier = redeemed_escrow(account, code_hash, key)
    if earlier is None:
        raise _invalid()
    assert earlier.entry is not None  # noqa: S101 - a constraint holds it
    return Redeemed(earlier.entry.amount, earlier.entry.balance_after, earlier.credits_expire_at)


def _invalid() -> CodeInvalid:
    return CodeInvalid(
        _("This code isn’t valid. Check it for typos, and whether it was already used."), field="code"
    )
