"""Compare what an account bought in the last three months with what a plan would have cost instead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Case, Exists, F, IntegerField, OuterRef, Sum, Value, When
from django.utils import timezone

from billing.money import Money
from billing.plans.models import Interval, Plan, add_months
from billing.purchases.models import Payment, Purchase
from billing.tax import EXCLUSIVE
from credits.ledger.models import Account

MONTHS = 3


@dataclass(frozen=True)
class Bought:
    """What was bought in one of the months, in one currency: all credits, and the money less refunds."""

    month: int
    credits: Decimal
    paid: Money


@dataclass(frozen=True)
class Saving:
    """What was bought in these months, and the plan that would have cost less, with what it would have granted."""

    plan: Plan
    bought: Decimal
    paid: Money
    cost: Money
    granted: Decimal


def savings_of(account: Account, plans: Iterable[Plan]) -> list[Saving]:
    """Return what each plan would have saved the account; those that wouldn't have are left out."""
    bought = bought_lately(account)
    savings = (saving_of(plan, bought) for plan in plans)
    return [each for each in savings if each is not None]


def saving_of(plan: Plan, bought: Sequence[Bought]) -> Saving | None:
    """Return what the plan would have saved; None if nothing, or if the comparison wouldn't be fair.

    It is fair only if the plan is charged monthly in the currency of what was bought, and alone would have granted in
    each of the months as many credits as were bought in it: unused ones of an earlier month may have expired.
    A trial isn't counted.
    """
    if plan.interval != Interval.MONTH:
        return None
    same = [each for each in bought if each.paid.currency == plan.currency]
    paid, cost = sum(each.paid.minor for each in same), plan.price_minor * MONTHS
    if cost >= paid or any(each.credits > plan.credits for each in same):
        return None
    return Saving(
        plan,
        sum((each.credits for each in same), Decimal(0)),
        Money(paid, plan.currency),
        Money(cost, plan.currency),
        plan.credits * MONTHS,
    )


def bought_lately(account: Account, now: datetime | None = None) -> list[Bought]:
    """Return what was bought by card in each of the last three months, in each currency, in one query.

    Plans' invoices, free packages, and what was refunded in full or is disputed don't count. Of a purchase refunded in
    part, all credits count and the money that was kept: a plan then seems dearer, never cheaper. Tax on top of a price
    doesn't count, as it would come on top of the plan's as well.
    """
    now = now or timezone.now()
    second, third = add_months(now, -2), add_months(now, -1)
    by_card = Payment.objects.filter(purchase=OuterRef("pk"), lot__isnull=False, method="card")
    purchases = Purchase.objects.filter(
        Exists(by_card),
        account=account,
        invoice=None,
        status__in=[Purchase.Status.COMPLETED, Purchase.Status.PARTIALLY_REFUNDED],
        completed_at__gte=add_months(now, -MONTHS),
    )
    month = Case(
        When(completed_at__gte=third, then=Value(2)),
        When(completed_at__gte=second, then=Value(1)),
        default=Value(0),
        output_field=IntegerField(),
    )
    on_top = Case(When(tax_behavior=EXCLUSIVE, then=F("tax_minor")), default=Value(0))
    sums = (
        purchases.order_by()
        .values("currency", month=month)
        .annotate(bought=Sum("credits"), kept_minor=Sum(F("paid_minor") - F("refunded_minor") - on_top))
        .order_by("month", "currency")
    )
    return [
        Bought(each["month"], each["bought"], Money(each["kept_minor"], each["currency"])) for each in sums
    ]
