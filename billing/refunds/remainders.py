"""Tell what is left of each lot that a payment brought, and what a refund would do to it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from billing.purchases.models import Payment
from billing.refunds.claims import ZERO, Part, claims_on, parts_of
from billing.refunds.reversals import standing_reversals
from credits.statement.outflows import outflows_of


@dataclass(frozen=True)
class Effect:
    """What comes of the credits that a refund claims of a lot; the rest of them is lost."""

    taken: Decimal
    pending: Decimal
    spent: Decimal


@dataclass(frozen=True)
class Remainder:
    """What is ``left`` of a part: unspent in its lot, or still to come; of the rest, some is ``held`` or ``spent``."""

    part: Part
    left: Decimal
    held: Decimal = ZERO
    spent: Decimal = ZERO

    def effect(self, claimed: Decimal) -> Effect:
        """Return what comes of that many claimed credits."""
        taken = min(claimed, self.left)
        pending = min(claimed - taken, self.held)
        return Effect(taken, pending, min(claimed - taken - pending, self.spent))


def remainders_of(payment: Payment) -> list[Remainder]:
    """Return what is left of each part of an accepted payment, in order."""
    refunds, disputes = standing_reversals(payment)
    lots = {lot.pk: lot for lot in payment.purchase.lots}
    found = []
    for part, claims in claims_on(payment, parts_of(payment), [*refunds, *disputes]):
        if part.lot_id is None:
            found.append(Remainder(part, part.credits - sum(claim.amount for claim in claims)))
            continue
        went = outflows_of([lots[part.lot_id]])
        # Credits that paid off debt can be clawed back too: that debt then returns.
        found.append(Remainder(part, went.free + went.offset, went.held, went.spent))
    return found
