"""Reward referrals: pending from the first payment, granted after the waiting time, clawed back with a reversal.

A job looks every few minutes. Each step reads what is true now, so that it may run late, twice or after a crash.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TypeAlias
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from billing.deferring import defer_referral_mail
from billing.purchases.models import Purchase
from billing.referrals.firsts import first_payment, has_paid
from billing.referrals.models import Referral, Referrer, Reward
from billing.referrals.referrers import referral_reward
from billing.referrals.refusing import REVERSED, why_refused
from core.database.locks import require_transaction
from credits.errors import LedgerError
from credits.ledger import operations as ledger
from credits.ledger.models import Clawback, Entry

log = structlog.get_logger(__name__)
State = Referral.State
Reason: TypeAlias = Referral.Reason
CHANGES = ("state", "reason", "note", "purchase", "due_at", "rewarded_at")
DISPUTE_PENDING = datetime.timedelta(days=1)


def watch_referrals() -> None:
    """Note first payments, decide what is due, and follow the reversals of what was decided."""
    for key in Referral.objects.filter(has_paid(), state=State.SIGNED_UP).values_list("pk", flat=True):
        note_payment(key)
    if referral_reward():
        due = Referral.objects.filter(state=State.PENDING, due_at__lte=timezone.now())
        for key in due.order_by("due_at").values_list("pk", flat=True):
            _try(decide, key)
    reversed_ = Q(state=State.REWARDED, purchase__status__in=REVERSED)
    restored = Q(reason__in=REVERSED.values(), purchase__status=Purchase.Status.COMPLETED)
    changed = Referral.objects.filter(reversed_ | restored)
    for key in changed.values_list("pk", flat=True):
        _try(follow_payment, key)


def _try(step: Callable[[UUID], None], referral_id: UUID) -> None:
    """Take a step; one that the ledger refuses holds up no other, and is tried again with the next look."""
    try:
        step(referral_id)
    except LedgerError as error:
        log.error("referral_stuck", referral=str(referral_id), reason=error.code)  # noqa: TRY400 - no bug of ours


def note_payment(referral_id: UUID) -> None:
    """Have the waiting time begin with the referred user's first payment."""
    with transaction.atomic():
        referral = lock_referral(referral_id)
        payment = first_payment(referral.referred)
        if referral.state != State.SIGNED_UP or payment is None or payment.paid_at is None:
            return
        referral.state, referral.purchase = State.PENDING, payment.purchase
        referral.due_at = payment.paid_at + datetime.timedelta(days=settings.REFERRAL_WAIT_DAYS)
        referral.save(update_fields=CHANGES)


def decide(referral_id: UUID) -> None:
    """Reward both sides of a referral that is due, or refuse it with the reason. A dispute is waited for."""
    with transaction.atomic():
        referral = lock_referral(referral_id)
        now = timezone.now()
        if referral.state != State.PENDING or referral.due_at is None or referral.due_at > now:
            return
        reason = why_refused(referral)
        if reason == Reason.DISPUTED:
            referral.due_at = now + DISPUTE_PENDING
        elif reason is not None:
            referral.state, referral.reason = State.REFUSED, reason
        else:
            referral.state, referral.rewarded_at = State.REWARDED, now
        referral.save(update_fields=CHANGES)
        if referral.state == State.REWARDED:
            _grant(referral, now)


def follow_payment(referral_id: UUID) -> None:
    """Claw back the rewards of a payment that was refunded or disputed, and restore them once that no longer stands."""
    with transaction.atomic():
        referral = lock_referral(referral_id)
        if referral.purchase is None:
            return
        reason = REVERSED.get(Purchase.Status(referral.purchase.status))
        if reason is not None and referral.state == State.REWARDED:
            claw_back(referral, reason)
        elif reason is None and referral.reason in REVERSED.values():
            _restore(referral)


def claw_back(referral: Referral, reason: Reason) -> None:
    """Take what is left of both rewards. What was spent is written off: nobody owes credits that were a present."""
    require_transaction()
    kind = Clawback.Kind.DISPUTE if reason == Reason.DISPUTED else Clawback.Kind.REFUND
    now = timezone.now()
    for reward in _rewards(referral):
        claim = ledger.Claim(reward.pk, now, kind, Clawback.Policy.CAP, reward.amount, _metadata(referral))
        ledger.claw_back(
            reward.account_id,
            reward.lot_id,
            [claim],
            kind=Entry.Kind(kind.value),
            metadata=_metadata(referral),
        )
    referral.state, referral.reason = State.CLAWED_BACK, reason
    referral.save(update_fields=CHANGES)


def _restore(referral: Referral) -> None:
    """Restore what was clawed back; what was refused for it is due again."""
    kind = Entry.Kind.DISPUTE if referral.reason == Reason.DISPUTED else Entry.Kind.REFUND
    for reward in _rewards(referral):
        ledger.claw_back(reward.account_id, reward.lot_id, [], kind=kind, metadata=_metadata(referral))
    referral.state = State.PENDING if referral.state == State.REFUSED else State.REWARDED
    referral.reason = ""
    referral.save(update_fields=CHANGES)


def _grant(referral: Referral, now: datetime.datetime) -> None:
    """Grant both sides their credits, once per business key, and have the emails sent."""
    amount = referral_reward()
    users = (referral.referrer.user, referral.referred)
    # In the ledger's own order, so that two that cross don't wait for each other.
    for account in sorted(map(ledger.open_account, users), key=lambda account: account.pk):
        lot = ledger.grant(
            account.pk,
            amount,
            kind=Entry.Kind.PROMOTION,
            key=f"referral:{referral.pk}",
            reference=str(referral.pk),
            metadata=_metadata(referral),
            promotional=True,
            expires_at=now + datetime.timedelta(days=settings.REFERRAL_VALID_DAYS),
        )
        reward = Reward.objects.create(referral=referral, account=account, lot_id=lot.lot_id, amount=amount)
        defer_referral_mail(reward.pk)


def _rewards(referral: Referral) -> list[Reward]:
    return list(referral.rewards.order_by("account_id"))


def _metadata(referral: Referral) -> dict[str, str]:
    with override(settings.LANGUAGE_CODE):  # kept in the ledger, whoever's request this is
        return {"referral": str(referral.pk), "description": _("Referral")}


def lock_referral(referral_id: UUID) -> Referral:
    """Return a referral, locked after its referrer: the rewards of one referrer are decided one after the other."""
    require_transaction()
    referrers = Referral.objects.filter(pk=referral_id).values_list("referrer", flat=True)
    lock_referrer(referrers.get())
    rows = Referral.objects.select_for_update(no_key=True, of=("self",))
    return rows.select_related("referrer__user", "referred", "purchase").get(pk=referral_id)


def lock_referrer(referrer_id: int) -> Referrer:
    """Make others who decide about this referrer's rewards wait, so that none counts what another is adding."""
    return Referrer.objects.select_for_update(no_key=True).get(pk=referrer_id)
