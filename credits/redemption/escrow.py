"""Make codes for credits in escrow, and redeem them: the ledger moves all of them, with their cost and origin.

Who comes first wins, under the escrow's lock: a refund or dispute takes the credits, and there is nothing to redeem; a
redemption moves them, and the refund finds them gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts.models import User
from core.database.locks import require_transaction
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry, Lot
from credits.redemption.codes import LAST, hash_code, new_code, read_code
from credits.redemption.errors import NothingInEscrow
from credits.redemption.models import EscrowCode

KEY = "escrow-code:"


@dataclass(frozen=True)
class Redeemed:
    """What a code brought: ``balance`` is the account's after it; the credits ``expires_at``, or never. A bonus among
    them may expire otherwise.
    """

    amount: Decimal
    balance: Decimal
    expires_at: datetime | None


def issue_escrow_code(
    escrow: Account, *, validity_days: int | None = None, bonus_validity_days: int | None = None
) -> tuple[EscrowCode, str]:
    """Make a code for what is in escrow, and revoke the one before; return it and what to show, once.

    Raises:
        NothingInEscrow: it was redeemed, refunded or disputed.
    """
    require_transaction()
    held = Account.objects.select_for_update(no_key=True).get(pk=escrow.pk)
    if held.balance <= held.held:
        raise NothingInEscrow(_("This gift was redeemed, or its payment was refunded or disputed."))
    EscrowCode.objects.filter(escrow=escrow, revoked_at=None, redeemed_at=None).update(revoked_at=Now())
    code = new_code()
    characters = read_code(code) or ""
    row = EscrowCode.objects.create(
        escrow=escrow,
        code_hash=hash_code(characters),
        last4=characters[-LAST:],
        validity_days=validity_days,
        bonus_validity_days=bonus_validity_days,
    )
    return row, code


def redeem_escrow(user: User, account: Account, code_hash: str, key: str) -> Redeemed | None:
    """Move what a code's escrow has to the locked account; None if the code is none, or there is nothing."""
    require_transaction()
    code = (
        EscrowCode.objects.select_for_update(of=("self",), no_key=True)
        .filter(code_hash=code_hash, revoked_at=None, redeemed_at=None, escrow__balance__gt=F("escrow__held"))
        .first()
    )
    if code is None:
        return None
    escrow = Account.objects.select_for_update(no_key=True).get(pk=code.escrow_id)
    if escrow.balance <= escrow.held:
        return None  # refunded or disputed a moment ago
    ledger.begin_lifetime(escrow.pk, days=code.validity_days, promotional_days=code.bonus_validity_days)
    with override(settings.LANGUAGE_CODE):  # kept in the ledger, as a redemption code's description is
        description = _("Gift code ending in %(last4)s") % {"last4": code.last4}
    moved = ledger.transfer(
        escrow.pk,
        account.pk,
        escrow.balance - escrow.held,
        key=f"{KEY}{code.pk}",
        metadata={"description": description},
    )
    entry = Entry.objects.get(account=account, pk=moved.received_entry_id)
    lots = Lot.objects.filter(account=account, pk__in=entry.lots)
    expires_at = lots.order_by("promotional").values_list("expires_at", flat=True)[0]
    EscrowCode.objects.filter(pk=code.pk).update(
        redeemed_at=timezone.now(),
        redeemed_by=user,
        account=account,
        entry=entry,
        key=key,
        credits_expire_at=expires_at,
    )
    return Redeemed(moved.amount, entry.balance_after, expires_at)


def redeemed_escrow(account: Account, code_hash: str, key: str) -> EscrowCode | None:
    """Return the code if it was redeemed for the account with this key."""
    redeemed = EscrowCode.objects.exclude(key="").select_related("entry")
    return redeemed.filter(account=account, code_hash=code_hash, key=key).first()
