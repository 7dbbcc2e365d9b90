"""Tell the tax that goes back with each refund and dispute of a payment: in proportion, and exactly in all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from billing.money import Money
from billing.purchases.models import Payment
from billing.refunds.claims import Reversal, in_order
from billing.refunds.models import Dispute, Refund
from billing.tax import tax_within


def spread_tax(payment: Payment, reversals: Iterable[Reversal]) -> Mapping[UUID, int]:
    """Return the tax in each of a payment's reversals in effect, in minor units: differences of running totals."""
    shares, so_far = {}, 0
    for each in in_order(reversals):
        before, so_far = so_far, so_far + (each.counted_minor or 0)
        shares[each.pk] = tax_between(payment, before, so_far)
    return shares


def tax_between(payment: Payment, before: int, up_to: int) -> int:
    """Return the tax in what goes back between two sums, in minor units."""
    first, last = (tax_within(payment.tax_minor, payment.amount_minor, gone) for gone in (before, up_to))
    return last - first


def taxes_of(refunds: Sequence[Refund]) -> Mapping[UUID, Money]:
    """Return the tax in each refund, by its id, in two queries; none in one that has failed. Reads the payments."""
    payments = {each.payment_id: each.payment for each in refunds if each.payment.tax_minor}
    reversals: dict[UUID, list[Reversal]] = defaultdict(list)
    if payments:
        for refund in Refund.objects.filter(payment__in=payments, status__in=Refund.STANDING):
            reversals[refund.payment_id].append(refund)
        for dispute in Dispute.objects.filter(payment__in=payments, status__in=Dispute.STANDING):
            reversals[dispute.payment_id].append(dispute)
    shares = {
        pk: tax for key, of_it in reversals.items() for pk, tax in spread_tax(payments[key], of_it).items()
    }
    return {each.pk: Money(shares.get(each.pk, 0), each.payment.currency) for each in refunds}


def tax_of(refund: Refund) -> Money:
    """Return the tax in a refund."""
    return taxes_of([refund])[refund.pk]
