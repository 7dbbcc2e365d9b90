"""Claw back credits for a payment's refunds and disputes together.

Nothing depends on the event that arrived. `apply_reversals` takes the refunds and disputes in effect now, in Stripe's
order, and passes each one's claim and policy to the ledger, which computes the outcome
(`credits.ledger.models.clawbacks`). Any order, repeat or crash leads to the same balance. Only the accepted payment's
reversals count; for others see `billing.refunds.owed_payments`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Q

from billing.money import Money
from billing.provider.objects import ProviderDispute, ProviderRefund
from billing.purchases.models import Payment, Purchase
from billing.refunds.claims import Reversal, claims_on, parts_of
from billing.refunds.models import Dispute, Refund
from core.database.locks import require_transaction
from credits.ledger import operations as ledger
from credits.ledger.models import Entry
from credits.ledger.results import Clawed


@dataclass(frozen=True)
class Cause:
    """The kind and metadata of the ledger entry for moved credits."""

    kind: Entry.Kind
    metadata: dict[str, str] = field(default_factory=dict)


def apply_reversals(payment: Payment, cause: Cause) -> Clawed | None:
    """Apply a payment's refunds and disputes in effect to the credits, and to its locked purchase's sums and status.

    The purchase changes in memory only; the caller records it. Return None for an uncredited payment.
    """
    require_transaction()
    purchase = payment.purchase
    if payment.lot_id is None:
        return None
    refunds, disputes = standing_reversals(payment)
    clawed = _claw_back(payment, [*refunds, *disputes], cause)
    # The sum may exceed what was paid: Stripe will refuse a pending request if other refunds were made meanwhile.
    refunded = sum(refund.counted_minor or 0 for refund in refunds)
    purchase.refunded_minor = min(refunded, purchase.paid.minor)
    purchase.status = _status(purchase, refunded, disputes)
    return clawed


def apply_known_reversals(payment: Payment) -> bool:
    """Apply reversals that were known before the payment was accepted; return whether there were any."""
    refunds, disputes = standing_reversals(payment)
    if not refunds and not disputes:
        return False
    apply_reversals(payment, Cause(Entry.Kind.REFUND if refunds else Entry.Kind.DISPUTE))
    return True


def _claw_back(payment: Payment, reversals: Sequence[Reversal], cause: Cause) -> Clawed:
    """Claim from each lot that has come, and return the sum."""
    purchase = payment.purchase
    metadata = {**purchase.entry_metadata, **cause.metadata}
    results = [
        ledger.claw_back(purchase.account_id, part.lot_id, claims, kind=cause.kind, metadata=metadata)
        for part, claims in claims_on(payment, parts_of(payment), reversals)
        if part.lot_id is not None
    ]
    entries = [each.entry_id for each in results if each.entry_id is not None]
    return Clawed(
        entries[-1] if entries else None,
        sum((each.taken for each in results), Decimal(0)),
        sum((each.owed for each in results), Decimal(0)),
        results[-1].balance,
    )


def standing_reversals(payment: Payment) -> tuple[list[Refund], list[Dispute]]:
    """Return a payment's refunds and disputes that withdraw money from the seller now, or may."""
    refunds = payment.refunds.filter(status__in=Refund.STANDING)
    disputes = payment.disputes.filter(status__in=Dispute.STANDING)
    return list(refunds), list(disputes)


@dataclass(frozen=True)
class Counted:
    """A reversal's amount in minor units of its payment's currency, and its source (`Refund.counted_by`)."""

    minor: int
    by: str = ""


def counted(reported: ProviderRefund | ProviderDispute, payment: Payment) -> Counted | None:
    """Convert a reversal's amount to the payment's currency by its balance transactions; None: Stripe gives no rate."""
    if reported.currency == payment.currency:
        return Counted(reported.amount)
    taken = [moved for moved in reported.movements if moved.amount < 0 and moved.currency == payment.currency]
    return Counted(-sum(moved.amount for moved in taken), taken[0].id) if taken else None


def unresolved_reversals(purchase: Purchase) -> list[Reversal]:
    """Return reversals whose amount in the payment's currency staff must enter."""
    of_it = Q(payment__purchase=purchase, counted_minor__isnull=True)
    refunds = Refund.objects.filter(of_it, status__in=Refund.STANDING)
    disputes = Dispute.objects.filter(of_it, status__in=Dispute.STANDING)
    return [*refunds, *disputes]


def amount_of(each: Reversal) -> Money:
    """Return the amount in the payment's currency, or until it is known in Stripe's."""
    if each.counted_minor is None:
        return each.amount
    return Money(each.counted_minor, each.payment.currency)


def _status(purchase: Purchase, refunded_minor: int, disputes: Sequence[Dispute]) -> Purchase.Status:
    if disputes:
        return Purchase.Status.DISPUTED
    if not refunded_minor:
        return Purchase.Status.COMPLETED
    whole = refunded_minor >= purchase.paid.minor
    return Purchase.Status.REFUNDED if whole else Purchase.Status.PARTIALLY_REFUNDED
