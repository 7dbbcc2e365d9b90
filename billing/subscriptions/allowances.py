"""Work out what a paid invoice grants: each month's allowance, and after an upgrade the difference.

Credits are added, never set: a month's are those of its plan, whatever the account has left. A year's come month by
month. A change within a period grants the difference of the two plans for the part of the period that was paid for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from billing.errors import NoTerms
from billing.money import spread
from billing.plans.models import Interval, add_months, expiry_of
from billing.provider.objects import InvoiceLine, ProviderInvoice
from billing.subscriptions.models import GrantedLine, Subscription, Terms

CENT, SECOND = Decimal("0.01"), timedelta(seconds=1)
TermsAt = Callable[[Subscription, str], Terms | None]


@dataclass(frozen=True)
class Allowance:
    """A month's credits of a line, due at ``due_at``, and when they expire; None if they don't."""

    line: InvoiceLine
    terms: Terms
    credits: Decimal
    due_at: datetime
    expires_at: datetime | None

    @property
    def value(self) -> Decimal:
        """Return what the credits cost by the plan, in minor units."""
        return self.credits * self.terms.price_minor / self.terms.period_credits


def allowances_of(
    row: Subscription, invoice: ProviderInvoice, terms_at: TermsAt, now: datetime
) -> list[Allowance]:
    """Return what the lines of a paid invoice grant, month by month. A line of 0, as a trial's, grants nothing.

    Raises:
        NoTerms: a line is at a price that no plan has.
    """
    prorations = [line for line in invoice.lines if line.is_proration]
    upgraded = sum(line.amount for line in prorations) > 0
    found = []
    for line in invoice.lines:
        if line.amount <= 0 or (line.is_proration and not upgraded):
            continue
        terms = _terms(row, line.price_id, terms_at)
        share = terms.share(line.amount)
        if line.is_proration:
            share -= _former_share(row, line, prorations, terms_at)
        found += _by_month(line, terms, share.quantize(CENT, ROUND_DOWN), now)
    return found


def _by_month(line: InvoiceLine, terms: Terms, total: Decimal, now: datetime) -> list[Allowance]:
    months = months_of(line, Interval(terms.interval).months)
    weights = [weight if line.is_proration else Decimal(1) for _start, _end, weight in months]
    shares = zip(months, spread(total, weights, CENT), strict=True)
    granting = [(start, end, credits) for (start, end, _weight), credits in shares if credits > 0]
    return [
        # What is paid for begins at once, whatever clock its period is by.
        Allowance(
            line, terms, credits, min(start, now) if number == 0 else start, _expiry(start, end, terms, now)
        )
        for number, (start, end, credits) in enumerate(granting)
    ]


def months_of(line: InvoiceLine, most: int) -> list[tuple[datetime, datetime, Decimal]]:
    """Return the months of a line's period, at ``most`` so many: start, end, and how much of a month is left of it.

    They are counted from the period's end, as a change within a year begins in the middle of a month.
    """
    months = []
    for number in range(most):
        end = add_months(line.period_end, -number)
        start = add_months(line.period_end, -number - 1)
        begins = line.period_start if number == most - 1 else max(start, line.period_start)
        months.append((begins, end, Decimal((end - begins) // SECOND) / ((end - start) // SECOND)))
        if start <= line.period_start:
            break
    return months[::-1]


def _former_share(
    row: Subscription, line: InvoiceLine, prorations: Sequence[InvoiceLine], terms_at: TermsAt
) -> Decimal:
    """Return the credits that the former plan has granted for the same rest of the period."""
    part = Decimal(line.amount) / _terms(row, line.price_id, terms_at).price_minor
    given_back = [each for each in prorations if each.amount < 0]
    # What was charged is credited, which after a downgrade is more than the price since then.
    charged = [line_id for each in given_back for line_id in each.credited_lines]
    prices = {each.price_id for each in given_back} | set(
        GrantedLine.objects.filter(stripe_line_id__in=charged).values_list("stripe_price_id", flat=True)
    )
    return part * max((_terms(row, price, terms_at).period_credits for price in prices), default=Decimal(0))


def _terms(row: Subscription, price_id: str, terms_at: TermsAt) -> Terms:
    terms = terms_at(row, price_id)
    if terms is None:
        raise NoTerms(f"No plan has the Stripe price {price_id}.", price=price_id, subscription=str(row.pk))
    return terms


def _expiry(start: datetime, end: datetime, terms: Terms, now: datetime) -> datetime | None:
    """Return the expiry: with the month, and its rollover. A month paid for after its end lasts as long from then."""
    return expiry_of(end if end > now else now + (end - start), terms.rollover, terms.rollover_months)
