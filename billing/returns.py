"""Credits follow the money back: what a purchase has given up, for refunds and disputes together.

Nothing here goes by the event that came. `settle_returns` looks at the refunds and disputes that stand now, works out
how many of the purchase's credits have to be out, and books the difference to what is out. So any order, any repeat and
any failure in between ends at the same balance, and what a dispute took is never taken again by a refund. Only those of
the payment that was credited count: no credits go with a payment that was not (`billing.uncredited_payments`).

Of the credits that are asked back some are still in the purchase's lot and are taken; the others were spent, and the
policy says whether they are owed (``debt``) or let go (``cap``). When money comes back to us after all (a failed
refund, a won dispute) it goes the other way round: what was let go first, then what is owed, then what was taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypedDict

from django.db.models import QuerySet, Sum

from billing.errors import CreditsWereSpent
from billing.models import Dispute, Purchase, Refund
from billing.purchase_log import require_transaction
from credits import ledger
from credits.amounts import round_credits
from credits.errors import NothingToReverse
from credits.formatting import credits_amount
from credits.ledger import Policy
from credits.models import Entry, Lot
from credits.results import Reversal

NOTHING = Decimal(0)


@dataclass(frozen=True)
class Returned:
    """What one call booked: credits ``asked`` back (below zero: given back), of which ``taken`` and ``owed``."""

    asked: Decimal
    taken: Decimal
    owed: Decimal

    @property
    def let_go(self) -> Decimal:
        return self.asked - self.taken - self.owed


class Cause(TypedDict):
    """Why credits move: the ledger's entry says so."""

    kind: Entry.Kind
    policy: Policy
    metadata: dict[str, str]


def settle_returns(purchase: Purchase, cause: Cause) -> Returned:
    """Brings the credits that are out to what the standing refunds and disputes of a locked purchase ask for, and its
    sums and status with them. Changes the purchase in memory; the caller records it.

    Raises:
        CreditsWereSpent: the policy is ``block``, and the lot has less left than is asked for.
    """
    require_transaction()
    if not purchase.is_credited:
        return Returned(NOTHING, NOTHING, NOTHING)
    refunded, disputed = _standing(purchase)
    wanted = credits_for(purchase, refunded + disputed)
    difference = wanted - purchase.credits_asked_back
    if difference > 0:
        returned = _take_back(purchase, difference, cause)
    elif difference < 0:
        returned = _give_back(purchase, -difference, cause)
    else:
        returned = Returned(NOTHING, NOTHING, NOTHING)
    purchase.credits_asked_back += returned.asked
    purchase.credits_taken_back += returned.taken
    purchase.credits_owed += returned.owed
    # One that Stripe hasn't answered may stand beside others that it has made meanwhile: it will refuse it.
    purchase.refunded_minor = min(refunded, purchase.paid.minor)
    purchase.status = _status(purchase, refunded)
    return returned


def collect_let_go(purchase: Purchase, amount: Decimal, cause: Cause) -> Returned:
    """Makes credits that were let go owed after all: those of a dispute that is lost. What came back to the lot
    meanwhile is taken first.
    """
    require_transaction()
    if amount <= 0:
        return Returned(NOTHING, NOTHING, NOTHING)
    returned = replace(_take_back(purchase, amount, cause), asked=NOTHING)
    purchase.credits_taken_back += returned.taken
    purchase.credits_owed += returned.owed
    return returned


def credits_for(purchase: Purchase, returned_minor: int) -> Decimal:
    """How many of the purchase's credits so much of its price stands for, by the ledger's one rounding rule. Reckoned
    from the whole each time, so that parts add up to it; never more than were bought.
    """
    paid = purchase.paid.minor
    if returned_minor >= paid:
        return round_credits(purchase.credits) if returned_minor else NOTHING
    return round_credits(purchase.credits * returned_minor / paid)


def lot_of(purchase: Purchase) -> Lot:
    """The lot that the purchase's credits came in as."""
    entry = Entry.objects.only("lots").get(account=purchase.account_id, key=purchase.grant_key)
    return Lot.objects.get(pk=entry.lots[0])


def _standing(purchase: Purchase) -> tuple[int, int]:
    """Minor units of the refunds and of the disputes that stand, of the payment that was credited."""
    refunds = purchase.refunds.filter(
        status__in=Refund.STANDING, stripe_payment_intent_id=purchase.stripe_payment_intent_id
    )
    refunded = refunds.aggregate(sum=Sum("amount_minor"))["sum"]
    disputed = _standing_disputes(purchase).aggregate(sum=Sum("amount_minor"))["sum"]
    return refunded or 0, disputed or 0


def _standing_disputes(purchase: Purchase) -> QuerySet[Dispute]:
    return purchase.disputes.filter(
        status__in=Dispute.STANDING, stripe_payment_intent_id=purchase.stripe_payment_intent_id
    )


def _status(purchase: Purchase, refunded_minor: int) -> Purchase.Status:
    if _standing_disputes(purchase).exists():
        return Purchase.Status.DISPUTED
    if not refunded_minor:
        return Purchase.Status.COMPLETED
    whole = refunded_minor >= purchase.paid.minor
    return Purchase.Status.REFUNDED if whole else Purchase.Status.PARTIALLY_REFUNDED


def _take_back(purchase: Purchase, amount: Decimal, cause: Cause) -> Returned:
    lot = lot_of(purchase)
    to_book = amount
    if cause["policy"] == "debt":
        # Nobody had the use of credits that expired: they are let go, and not owed.
        to_book = min(amount, max(NOTHING, lot.remaining + _used_of(purchase, lot) - purchase.credits_owed))
    if not to_book:
        return Returned(amount, NOTHING, NOTHING)
    try:
        reversal: Reversal = ledger.reverse(
            purchase.account_id,
            lot.pk,
            to_book,
            key=_next_key(purchase),
            policy=cause["policy"],
            kind=cause["kind"],
            reference=str(purchase.pk),
            metadata={"package": purchase.package_code, **cause["metadata"]},
        )
    except NothingToReverse as error:
        missing = credits_amount(Decimal(error.params["missing"]))
        raise CreditsWereSpent(
            f"{missing} of the credits that this would take back were spent.", **error.params
        ) from error
    return Returned(amount, reversal.taken, reversal.owed)


def _used_of(purchase: Purchase, lot: Lot) -> Decimal:
    """How many of the lot's credits are neither left, nor taken back, nor expired: spent, or given away."""
    expiries = Entry.objects.filter(
        account=purchase.account_id, kind=Entry.Kind.EXPIRY, lots__contains=[lot.pk]
    )
    expired = expiries.aggregate(sum=Sum("amount"))["sum"] or NOTHING
    used: Decimal = lot.amount - lot.remaining - purchase.credits_taken_back + expired
    return used


def _give_back(purchase: Purchase, amount: Decimal, cause: Cause) -> Returned:
    let_go = purchase.credits_asked_back - purchase.credits_taken_back - purchase.credits_owed
    real = amount - min(amount, let_go)
    owed = min(real, purchase.credits_owed)
    if real > 0:
        ledger.restore(
            purchase.account_id,
            lot_of(purchase).pk,
            real,
            owed=owed,
            key=_next_key(purchase),
            kind=cause["kind"],
            reference=str(purchase.pk),
            metadata={"package": purchase.package_code, **cause["metadata"]},
        )
    return Returned(-amount, -(real - owed), -owed)


def _next_key(purchase: Purchase) -> str:
    """The ledger's business key of the next booking; the purchase's lock makes them follow each other."""
    purchase.returns_booked += 1
    return f"{purchase.grant_key}:return:{purchase.returns_booked}"
