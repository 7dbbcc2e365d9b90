"""Work out which credits the refunds and disputes of a payment claim, and read what came of it.

A reversal claims the credits that its amount paid for: the difference of two running totals, so that claims add up
exactly. Where the credits come in several lots, they are laid out one after the other and claimed from the end: what is
still to come first, then the latest.

A bonus was paid for by nothing and belongs to the whole purchase, so the first reversal claims all of it, whatever its
amount, before its share of the credits bought. Of these, reversals claim their share of the price and no more: the
cost of what is left is always what was paid less what went back. If the first is undone, the next one claims the bonus.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from billing.purchases.models import Payment, Purchase
from billing.refunds.models import Dispute, Refund
from credits.amounts import round_credits
from credits.ledger import operations as ledger
from credits.ledger.models import Clawback

Reversal = Refund | Dispute
ZERO = Decimal(0)


@dataclass(frozen=True)
class Part:
    """Credits of a purchase that come as one lot; without ``lot_id`` they are still to come. ``position`` is from 1."""

    position: int
    lot_id: int | None
    credits: Decimal
    is_bonus: bool = False
    name: str = ""


@dataclass(frozen=True)
class Claimed:
    """The credits that a reversal claims, and what came of them, over all lots; see `Clawback`."""

    amount: Decimal = ZERO
    taken: Decimal = ZERO
    pending: Decimal = ZERO
    owed: Decimal = ZERO
    waived: Decimal = ZERO


def parts_of(payment: Payment) -> list[Part]:
    """Return the lots that an accepted payment brings, in order."""
    purchase = payment.purchase
    if not purchase.has_schedule:
        return [Part(1, payment.lot_id, purchase.credits)]
    grants = purchase.scheduled_grants.select_related("line").order_by("position")
    return [Part(each.position, each.lot_id, each.credits, each.is_bonus, each.name) for each in grants]


def claims_on(
    payment: Payment, parts: Sequence[Part], reversals: Sequence[Reversal]
) -> Iterator[tuple[Part, list[ledger.Claim]]]:
    """Yield each part with what the reversals claim of it, in Stripe's order."""
    purchase = payment.purchase
    spans = list(_spans(purchase, reversals))
    for part, start, stop in _laid_out(purchase, parts):
        claims = [
            ledger.Claim(
                id=claim_id(each.pk, part.position),
                at=each.at,
                kind=Clawback.Kind.REFUND if isinstance(each, Refund) else Clawback.Kind.DISPUTE,
                policy=policy_of(each),
                amount=_overlap(before, up_to, start, stop),
                metadata=purchase.entry_metadata,
            )
            for each, before, up_to in spans
        ]
        yield part, claims


def claimed_between(purchase: Purchase, parts: Sequence[Part], before: int, up_to: int) -> list[Decimal]:
    """Return what is claimed of each part by what goes back between two sums, in minor units."""
    first, last = credits_for(purchase, before), credits_for(purchase, up_to)
    return [_overlap(first, last, start, stop) for _part, start, stop in _laid_out(purchase, parts)]


def policy_of(each: Reversal) -> Clawback.Policy:
    """Return the policy for spent credits; while a bank is deciding, they are not claimed."""
    if isinstance(each, Dispute):
        return Clawback.Policy(each.policy) if each.status == Dispute.Status.LOST else Clawback.Policy.CAP
    return Clawback.Policy.DEBT if each.policy == Refund.Policy.DEBT else Clawback.Policy.CAP


def bearable(policy: str, purchase: Purchase) -> Clawback.Policy:
    """Return the policy for credits that were spent or given away: nobody owes what a gift's recipient has."""
    return Clawback.Policy(policy) if purchase.account.has_holder else Clawback.Policy.CAP


def credits_for(purchase: Purchase, returned_minor: int) -> Decimal:
    """Return the credits that go back with an amount in all, rounded as in the ledger: the bonus, then those bought."""
    if not returned_minor:
        return ZERO
    paid = purchase.paid.minor
    share = purchase.credits if returned_minor >= paid else purchase.credits * returned_minor / paid
    return round_credits(purchase.bonus_credits + share)


def claim_id(reversal_id: UUID, position: int) -> UUID:
    """Return the id of a reversal's clawback from the lot at a position: its own for the first, else one made from it.

    `billing.reconciliation.invariants` makes the same in SQL.
    """
    if position == 1:
        return reversal_id
    return UUID(hashlib.md5(f"{reversal_id}/{position}".encode(), usedforsecurity=False).hexdigest())


def claimed_by(reversals: Iterable[Reversal]) -> Mapping[UUID, Claimed]:
    """Return what each reversal claims, by its id, in one query. Reads each one's purchase: select it."""
    owners = {
        claim_id(each.pk, position): each.pk
        for each in reversals
        for position in range(1, each.purchase.grants_count + 1)
    }
    sums: dict[UUID, Claimed] = dict.fromkeys(owners.values(), Claimed())
    for claim in Clawback.objects.filter(pk__in=owners):
        so_far = sums[owners[claim.pk]]
        sums[owners[claim.pk]] = Claimed(
            so_far.amount + claim.amount,
            so_far.taken + claim.taken,
            so_far.pending + claim.pending,
            so_far.owed + claim.owed,
            so_far.waived + claim.waived,
        )
    return sums


def claim_of(each: Reversal) -> Claimed:
    """Return what a reversal claims; zeros if it claims nothing."""
    return claimed_by([each])[each.pk]


def _laid_out(purchase: Purchase, parts: Sequence[Part]) -> Iterator[tuple[Part, Decimal, Decimal]]:
    """Yield each part with its span of the purchase's credits, of which the last part's begins at 0."""
    stop = purchase.credits + purchase.bonus_credits
    for part in parts:
        yield part, stop - part.credits, stop
        stop -= part.credits


def _overlap(before: Decimal, up_to: Decimal, start: Decimal, stop: Decimal) -> Decimal:
    return max(ZERO, min(up_to, stop) - max(before, start))


def _spans(purchase: Purchase, reversals: Sequence[Reversal]) -> Iterator[tuple[Reversal, Decimal, Decimal]]:
    """Yield each reversal, in Stripe's order, with the credits claimed before it and up to it."""
    so_far = 0
    for each in sorted(reversals, key=_in_order):
        before, so_far = so_far, so_far + (each.counted_minor or 0)
        yield each, credits_for(purchase, before), credits_for(purchase, so_far)


def _in_order(each: Reversal) -> tuple[object, str]:
    name = each.stripe_refund_id if isinstance(each, Refund) else each.stripe_dispute_id
    return each.at, name or str(each.pk)


def in_order(reversals: Iterable[Reversal]) -> list[Reversal]:
    """Return reversals in Stripe's order."""
    return sorted(reversals, key=_in_order)
