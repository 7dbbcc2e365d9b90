"""Credits follow the money back: what a payment has given up, for refunds and disputes together.

Nothing here goes by the event that came. `apply_reversals` looks at the refunds and disputes that stand now, in
Stripe's order, and tells the ledger how many credits each claims back under which policy; the ledger works out what
comes of them (`credits.ledger.models.clawbacks`). So any order, any repeat and any failure in between ends at the same
balance. Only those of the payment that was accepted count: no credits go with a payment that was not
(`billing.refunds.owed_payments`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Q

from billing.money import Money
from billing.purchases.models import Payment, Purchase
from billing.refunds.models import Dispute, Refund
from billing.stripe.objects import StripeDispute, StripeRefund
from core.database.locks import require_transaction
from credits.amounts import round_credits
from credits.ledger import operations as ledger
from credits.ledger.models import Clawback, Entry
from credits.ledger.results import Clawed

Reversal = Refund | Dispute


@dataclass(frozen=True)
class Cause:
    """Why credits move: the ledger's entry says so."""

    kind: Entry.Kind
    metadata: dict[str, str] = field(default_factory=dict)


def apply_reversals(payment: Payment, cause: Cause) -> Clawed | None:
    """Brings the credits of a payment's locked purchase to what its standing refunds and disputes ask for, and the
    purchase's sums and status with them. Changes the purchase in memory; the caller records it. None for a payment
    that was not accepted.
    """
    require_transaction()
    purchase = payment.purchase
    if payment.lot_id is None:
        return None
    refunds, disputes = standing_reversals(payment)
    claims = list(claims_of(purchase, [*refunds, *disputes]))
    metadata = {**purchase.entry_metadata, **cause.metadata}
    clawed = ledger.claw_back(purchase.account_id, payment.lot_id, claims, kind=cause.kind, metadata=metadata)
    # One that Stripe hasn't answered may stand beside others that it has made meanwhile: it will refuse it.
    refunded = sum(refund.counted_minor or 0 for refund in refunds)
    purchase.refunded_minor = min(refunded, purchase.paid.minor)
    purchase.status = _status(purchase, refunded, disputes)
    return clawed


def apply_known_reversals(payment: Payment) -> bool:
    """`apply_reversals` for a payment that is accepted now, and of which refunds or disputes were known before. Whether
    there are any.
    """
    refunds, disputes = standing_reversals(payment)
    if not refunds and not disputes:
        return False
    apply_reversals(payment, Cause(Entry.Kind.REFUND if refunds else Entry.Kind.DISPUTE))
    return True


def standing_reversals(payment: Payment) -> tuple[list[Refund], list[Dispute]]:
    """The refunds and the disputes of a payment that hold money back from the seller now, or may."""
    refunds = payment.refunds.filter(status__in=Refund.STANDING)
    disputes = payment.disputes.filter(status__in=Dispute.STANDING)
    return list(refunds), list(disputes)


def claims_of(purchase: Purchase, returns: Sequence[Reversal]) -> Iterator[ledger.Claim]:
    """What each return claims back, in Stripe's order. Each part is reckoned from the whole, so parts add up to it;
    what goes back beyond the price claims nothing.
    """
    so_far = 0
    for each in sorted(returns, key=_in_order):
        before = credits_for(purchase, so_far)
        so_far += each.counted_minor or 0
        yield ledger.Claim(
            id=each.pk,
            at=each.at,
            kind=Clawback.Kind.REFUND if isinstance(each, Refund) else Clawback.Kind.DISPUTE,
            policy=policy_of(each),
            amount=credits_for(purchase, so_far) - before,
            metadata=purchase.entry_metadata,
        )


def policy_of(each: Reversal) -> Clawback.Policy:
    """What happens to spent credits. While a bank has not decided, they are asked for by nobody."""
    if isinstance(each, Dispute):
        return Clawback.Policy(each.policy) if each.status == Dispute.Status.LOST else Clawback.Policy.CAP
    return Clawback.Policy.DEBT if each.policy == Refund.Policy.DEBT else Clawback.Policy.CAP


def credits_for(purchase: Purchase, returned_minor: int) -> Decimal:
    """How many of the purchase's credits so much of its price stands for, by the ledger's one rounding rule; never more
    than were bought.
    """
    paid = purchase.paid.minor
    if returned_minor >= paid:
        return round_credits(purchase.credits) if returned_minor else Decimal(0)
    return round_credits(purchase.credits * returned_minor / paid)


@dataclass(frozen=True)
class Counted:
    """What a return comes to in the minor units of its payment's currency, and what says so (`Refund.counted_by`)."""

    minor: int
    by: str = ""


def counted(reported: StripeRefund | StripeDispute, payment: Payment) -> Counted | None:
    """What a return comes to: as it is, or by the balance transactions that took it out of the seller's balance in the
    payment's currency. None: Stripe names no rate.
    """
    if reported.currency == payment.currency:
        return Counted(reported.amount)
    taken = [moved for moved in reported.movements if moved.amount < 0 and moved.currency == payment.currency]
    return Counted(-sum(moved.amount for moved in taken), taken[0].id) if taken else None


def clawback_of(each: Reversal) -> Clawback | None:
    """What came of a return's credits; None where it moved none."""
    return Clawback.objects.filter(pk=each.pk, amount__gt=0).first()


def unresolved_reversals(purchase: Purchase) -> list[Reversal]:
    """Those whose amount in the payment's currency nobody knows: staff have to say."""
    of_it = Q(payment__purchase=purchase, counted_minor__isnull=True)
    refunds = Refund.objects.filter(of_it, status__in=Refund.STANDING)
    disputes = Dispute.objects.filter(of_it, status__in=Dispute.STANDING)
    return [*refunds, *disputes]


def amount_of(each: Reversal) -> Money:
    """As it counts for the payment, else as Stripe names it."""
    if each.counted_minor is None:
        return each.amount
    return Money(each.counted_minor, each.payment.currency)


def _in_order(each: Reversal) -> tuple[object, str]:
    name = each.stripe_refund_id if isinstance(each, Refund) else each.stripe_dispute_id
    return each.at, name or str(each.pk)


def _status(purchase: Purchase, refunded_minor: int, disputes: Sequence[Dispute]) -> Purchase.Status:
    if disputes:
        return Purchase.Status.DISPUTED
    if not refunded_minor:
        return Purchase.Status.COMPLETED
    whole = refunded_minor >= purchase.paid.minor
    return Purchase.Status.REFUNDED if whole else Purchase.Status.PARTIALLY_REFUNDED
