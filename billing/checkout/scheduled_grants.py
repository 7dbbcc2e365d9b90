"""Grant what is due of purchases whose credits come in several lots: months, packages, or with a bonus.

Nothing is granted twice: each grant has its business key in the ledger. What was refunded before it came never comes;
what is disputed waits for the bank's decision.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from billing.deferring import defer_scheduled_grants
from billing.money import spread
from billing.purchases.log import Change, Source, lock_purchase, record
from billing.purchases.models import Payment, Purchase, PurchaseLine, ScheduledGrant
from billing.refunds.claims import claims_on, parts_of
from billing.refunds.reversals import apply_known_reversals, standing_reversals
from credits.ledger import operations as ledger
from credits.ledger.models import Entry
from credits.ledger.results import Grant

log = structlog.get_logger(__name__)


def schedule_grants(purchase: Purchase, now: datetime) -> None:
    """Schedule the lots of a locked purchase that is paid ``now``, all at once. Safe to repeat.

    Each of several packages is a lot, in the order in which they are spent: what expires first. The price is spread
    over them by their credits, so that each credit of the purchase costs the same, whichever lot a refund takes it
    from. A bonus is a grant of its own: promotional, without cost, with its own expiry. It is last, as refunds claim
    from the end.
    """
    if purchase.scheduled_grants.exists():
        return
    has_holder = purchase.account.has_holder  # a gift's credits expire from when it is taken
    lines = sorted(purchase.lines.all(), key=_in_spending_order)
    bought: list[PurchaseLine | Purchase] = [*lines] or [purchase]
    costs = spread(Decimal(purchase.net_minor), [each.credits for each in bought], Decimal(1))
    grants = [
        ScheduledGrant(
            credits=each.credits,
            cost_minor=int(cost),
            expires_at=_after(each.validity_days if has_holder else None, now),
            **_of(each),
        )
        for each, cost in zip(bought, costs, strict=True)
    ]
    grants += [
        ScheduledGrant(
            credits=each.bonus_credits,
            cost_minor=0,
            is_bonus=True,
            expires_at=_after(each.bonus_validity_days if has_holder else None, now),
            **_of(each),
        )
        for each in bought
        if each.bonus_credits
    ]
    for position, grant in enumerate(grants, start=1):
        grant.purchase, grant.position, grant.due_at = purchase, position, now
    ScheduledGrant.objects.bulk_create(grants)


def _in_spending_order(line: PurchaseLine) -> tuple[bool, int, int]:
    return line.validity_days is None, line.validity_days or 0, line.position


def _after(days: int | None, now: datetime) -> datetime | None:
    return None if days is None else now + timedelta(days=days)


def _of(bought: PurchaseLine | Purchase) -> dict[str, PurchaseLine]:
    return {"line": bought} if isinstance(bought, PurchaseLine) else {}


def grant_due(purchase: Purchase, now: datetime) -> list[Grant]:
    """Grant what is due of a locked purchase and return it, in order. Safe to repeat.

    Raises:
        AccountClosed: nobody can spend the credits.
    """
    due = purchase.scheduled_grants.filter(due_at__lte=now).select_related("lot", "line").order_by("position")
    skipped = withdrawn(purchase.accepted_payment)
    return [_grant(purchase, each, now) for each in due if each.position not in skipped]


def defer_due_grants(now: datetime | None = None) -> int:
    """Have the purchases granted of which something is due by ``now``; return how many."""
    found, now = 0, now or timezone.now()
    for purchase in _with_grants_due(now):
        skipped = withdrawn(purchase.accepted_payment)
        due = purchase.scheduled_grants.filter(lot=None, due_at__lte=now)
        if due.exclude(position__in=skipped).exists():
            defer_scheduled_grants(purchase.pk)
            found += 1
    return found


def grant_scheduled(purchase_id: UUID, source: Source, now: datetime | None = None) -> None:
    """Grant what is due of a purchase by ``now``, less what was refunded of it. Safe to repeat."""
    with transaction.atomic():
        purchase = lock_purchase(purchase_id)
        if not purchase.is_credited or purchase.account.closed_at is not None:
            return
        granted = [grant for grant in grant_due(purchase, now or timezone.now()) if not grant.repeated]
        if not granted:
            return
        payment = purchase.accepted_payment
        if payment is not None:
            apply_known_reversals(payment)
        entries = [grant.entry_id for grant in granted]
        record(purchase, Change("scheduled_credits_granted", detail={"entries": entries}), source)
        log.info("scheduled_credits_granted", purchase=str(purchase.pk), entries=entries)


def _with_grants_due(now: datetime) -> Iterator[Purchase]:
    due = ScheduledGrant.objects.filter(lot=None, due_at__lte=now)
    purchases = Purchase.objects.filter(
        pk__in=due.values("purchase"), completed_at__isnull=False, account__closed_at=None
    )
    return purchases.exclude(status=Purchase.Status.REFUNDED).iterator(chunk_size=500)


def withdrawn(payment: Payment | None) -> set[int]:
    """Return the positions of grants that refunds and disputes claim as a whole."""
    if payment is None:
        return set()
    refunds, disputes = standing_reversals(payment)
    return {
        part.position
        for part, claims in claims_on(payment, parts_of(payment), [*refunds, *disputes])
        if part.lot_id is None and sum(claim.amount for claim in claims) >= part.credits
    }


def _grant(purchase: Purchase, each: ScheduledGrant, now: datetime) -> Grant:
    is_free = purchase.net_minor == 0 or each.is_bonus
    granted = ledger.grant(
        purchase.account_id,
        each.credits,
        kind=Entry.Kind.PROMOTION if each.is_bonus else Entry.Kind.PURCHASE,
        key=each.key,
        reference=str(purchase.pk),
        metadata=each.entry_metadata,
        cost=None if is_free else ledger.Cost(each.cost_minor, purchase.currency),
        promotional=is_free,
        expires_at=_expiry(each, now),
    )
    if each.lot_id != granted.lot_id:
        ScheduledGrant.objects.filter(pk=each.pk).update(lot=granted.lot_id)
    return granted


def _expiry(each: ScheduledGrant, now: datetime) -> datetime | None:
    """Return the expiry. Credits that come after it, as those of a dispute that was won, last as long from now."""
    if each.lot is not None and each.lot.expires_at is not None:
        return each.lot.expires_at - each.lot.extended_by  # as it was granted
    if each.expires_at is None or each.expires_at > now:
        return each.expires_at
    return now + (each.expires_at - each.due_at)
