"""Work out what a paid invoice grants: each period's allowance, and after an upgrade the difference.

Credits are added, never set: a period's are those of its plan, whatever the account has left. A change within a period
grants the difference of the two plans for the part of the period that was paid for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal

from billing.errors import NoTerms
from billing.plans.models import expiry_of
from billing.provider.objects import InvoiceLine, ProviderInvoice
from billing.subscriptions.models import GrantedLine, Subscription, Terms

CENT = Decimal("0.01")
TermsAt = Callable[[Subscription, str], Terms | None]


@dataclass(frozen=True)
class Allowance:
    """The credits that a line grants, and when they expire; None if they don't."""

    line: InvoiceLine
    terms: Terms
    credits: Decimal
    expires_at: datetime | None


def allowances_of(
    row: Subscription, invoice: ProviderInvoice, terms_at: TermsAt, now: datetime
) -> list[Allowance]:
    """Return what the lines of a paid invoice grant. A line of 0, as a trial's, grants nothing.

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
        credits = share.quantize(CENT, ROUND_DOWN)
        if credits > 0:
            found.append(Allowance(line, terms, credits, _expiry(line, terms, now)))
    return found


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
    return part * max((_terms(row, price, terms_at).credits for price in prices), default=Decimal(0))


def _terms(row: Subscription, price_id: str, terms_at: TermsAt) -> Terms:
    terms = terms_at(row, price_id)
    if terms is None:
        raise NoTerms(f"No plan has the Stripe price {price_id}.", price=price_id, subscription=str(row.pk))
    return terms


def _expiry(line: InvoiceLine, terms: Terms, now: datetime) -> datetime | None:
    """Return the expiry: with the period, and its rollover. A period paid for after its end lasts as long from then."""
    end = line.period_end
    if end <= now:
        end = now + (line.period_end - line.period_start)
    return expiry_of(end, terms.rollover, terms.rollover_months)
