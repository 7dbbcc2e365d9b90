"""Build the dashboard's tables, from daily figures whatever the number of purchases."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing.admin.bar_chart import BarChart, Column, Part, draw_columns
from billing.admin.dashboard.cells import Cell, Share, shown
from billing.admin.dashboard.periods import Period
from billing.admin.dashboard.sheet import Sheet, bars_of
from billing.currencies import decimal_places
from billing.money import Money, round_minor
from billing.purchases.models import Purchase
from billing.recovery.selectors import recovery_between
from billing.reporting.selectors import (
    Revenue,
    Sales,
    checkouts_by_status,
    revenue_by_day,
    sales_by_day,
    sales_by_package,
    visits_in,
)
from billing.reporting.to_come import to_come_by_day
from credits.reporting.selectors import Standing, first_spends, standing_by_day

NOTHING_SOLD = gettext_lazy("No sales in this period.")


@dataclass(frozen=True)
class Asked:
    """The period and currency asked for."""

    period: Period
    currency: str

    def money(self, minor: Decimal | int) -> Money:
        """Return an amount, rounded to whole minor units."""
        return Money(round_minor(Decimal(minor)), self.currency)

    def in_chart(self, minor: Decimal | int) -> Decimal:
        """Return the length of a bar in the currency's main unit, never negative."""
        return max(Decimal(0), Decimal(minor).scaleb(-decimal_places(self.currency)))


def revenue(asked: Asked) -> Sheet:
    period = asked.period
    steps = dict.fromkeys(period.steps, Sales())
    for day, sales in sales_by_day(period.first, period.last, asked.currency).items():
        step = period.step_of(day)
        steps[step] = added(steps[step], sales)
    return Sheet(
        "revenue",
        _("Revenue"),
        _("Payments for credited purchases by payment date, before refunds."),
        [("from", period.step_name), *SALES_COLUMNS],
        [(step, *sales_cells(asked, sales)) for step, sales in reversed(steps.items())],
        chart=_columns(
            period,
            {step: [asked.in_chart(sales.paid_minor)] for step, sales in steps.items()},
            [Part(_("paid"))],
            lambda step: str(Money(steps[step].paid_minor, asked.currency)),
        ),
        summary=_("%(sum)s in total.")
        % {"sum": Money(sum(each.paid_minor for each in steps.values()), asked.currency)},
    )


def packages(asked: Asked) -> Sheet:
    found = sales_by_package(asked.period.first, asked.period.last, asked.currency)
    total = sum(each.sales.paid_minor for each in found)
    named = [(each.name, each.code, each.sales) for each in found]
    return Sheet(
        "packages",
        _("Revenue by package"),
        _("Payments for credited purchases by package, highest revenue first."),
        [
            ("package", _("Package")),
            ("code", _("Code")),
            *SALES_COLUMNS,
            ("share", _("Revenue share")),
        ],
        [
            (name, code, *sales_cells(asked, sales), Share(sales.paid_minor / total if total else None))
            for name, code, sales in named
        ],
        empty=NOTHING_SOLD,
        bars=bars_of(
            [
                (name, Decimal(sales.paid_minor), Money(sales.paid_minor, asked.currency))
                for name, _code, sales in named
            ]
        ),
    )


def statuses(asked: Asked) -> Sheet:
    found = checkouts_by_status(asked.period.first, asked.period.last)
    total = sum(found.values())
    named = [(Purchase.Status(status).label, number) for status, number in found.items()]
    return Sheet(
        "statuses",
        _("Purchases by status"),
        _("Purchases started in this period, in all currencies, by current status."),
        [("status", _("Status")), ("purchases", _("Purchases")), ("share", _("Share"))],
        [(str(name), number, Share(number / total if total else None)) for name, number in named],
        bars=bars_of([(name, Decimal(number), shown(number)) for name, number in named]),
    )


def funnel(asked: Asked) -> Sheet:
    period = asked.period
    checkouts = checkouts_by_status(period.first, period.last)
    return _stages(
        "funnel",
        _("Conversion funnel"),
        _(
            "Viewed: visits to the packages, counted once per session and day. Started: purchases begun. "
            "Paid: those paid since. First spend: buyers who first spent purchased credits in this "
            "period. All currencies; purchases over the API need no visit."
        ),
        [
            (_("Packages viewed"), visits_in(period.first, period.last)),
            (_("Checkout started"), sum(checkouts.values())),
            (_("Paid"), paid_of(checkouts)),
            (_("First spend"), first_spends(period.start, period.end)),
        ],
    )


def recovery(asked: Asked) -> Sheet:
    period = asked.period
    found = recovery_between(period.start, period.end)
    return _stages(
        "recovery",
        _("Recovered checkouts"),
        _(
            "Expired: checkouts started in this period that expired unpaid. Reminded: reminders sent in this "
            "period, to buyers who agreed to them. Recovered: purchases begun from these and paid since. All "
            "currencies."
        ),
        [
            (
                _("Checkout expired"),
                checkouts_by_status(period.first, period.last)[Purchase.Status.EXPIRED],
            ),
            (_("Reminder sent"), found.sent),
            (_("Recovered"), found.paid),
        ],
    )


def _stages(code: str, name: str, about: str, stages: list[tuple[str, int]]) -> Sheet:
    rows: list[tuple[Cell, ...]] = []
    for place, (stage, number) in enumerate(stages):
        before = stages[place - 1][1] if place else 0
        rows.append((stage, number, Share(number / before if before else None)))
    return Sheet(
        code,
        name,
        about,
        [("stage", _("Stage")), ("number", _("Count")), ("of_before", _("Of previous stage"))],
        rows,
        bars=bars_of([(stage, Decimal(number), shown(number)) for stage, number in stages]),
    )


def outstanding(asked: Asked) -> Sheet:
    period = asked.period
    steps = _standing_by_step(asked)
    return Sheet(
        "outstanding",
        _("Outstanding credits"),
        _(
            "Purchased and promotional credits left to spend at each date. Expired ones count until a "
            "job removes them, within 15 minutes. Deferred revenue is the amount paid for the purchased "
            "ones, and for those of plans that are still to come."
        ),
        [
            ("from", period.step_name),
            ("paid", _("Purchased")),
            ("promotional", _("Promotional")),
            ("owed", _("Customer debt")),
            ("deferred_revenue", _("Deferred revenue")),
        ],
        [
            (step, at.paid, at.promotional, -at.owed, asked.money(at.deferred))
            for step, at in reversed(steps.items())
        ],
        chart=_columns(
            period,
            {step: [max(at.paid, Decimal(0)), max(at.promotional, Decimal(0))] for step, at in steps.items()},
            [Part(_("purchased"), "is-strong"), Part(_("promotional"))],
            lambda step: str(shown(steps[step].paid + steps[step].promotional)),
        ),
        summary=_("%(paid)s purchased and %(given)s promotional credits at the end.")
        % {"paid": shown(_last(steps).paid), "given": shown(_last(steps).promotional)},
    )


def recognised(asked: Asked) -> Sheet:
    period = asked.period
    steps = dict.fromkeys(period.steps, Revenue())
    for day, revenue_of_day in revenue_by_day(period.first, period.last, asked.currency).items():
        step = period.step_of(day)
        steps[step] = steps[step] + revenue_of_day
    total = sum((each.recognised for each in steps.values()), Decimal(0))
    return Sheet(
        "recognised",
        _("Recognised revenue"),
        _(
            "The amount paid for purchased credits that were used or paid off debt, less refunds and "
            "disputes of credits that couldn’t be removed; plus breakage (expired unspent, a management "
            "estimate). Written off: removed by staff, or forfeited with an account."
        ),
        [
            ("from", period.step_name),
            ("spent", _("Used")),
            ("breakage", _("Breakage")),
            ("recognised", _("Recognised")),
            ("written_off", _("Written off")),
        ],
        [
            (step, *map(asked.money, (each.used, each.breakage, each.recognised, each.written_off)))
            for step, each in reversed(steps.items())
        ],
        chart=_columns(
            period,
            {
                step: [asked.in_chart(each.used), asked.in_chart(each.breakage)]
                for step, each in steps.items()
            },
            [Part(_("used"), "is-strong"), Part(_("breakage"))],
            lambda step: str(asked.money(steps[step].recognised)),
        ),
        summary=_("%(sum)s in total.") % {"sum": asked.money(total)},
    )


def paid_of(checkouts: dict[str, int]) -> int:
    """Return how many purchases were paid, given the number per status."""
    return sum(checkouts[status] for status in Purchase.CREDITED)


SALES_COLUMNS = [
    ("purchases", gettext_lazy("Purchases")),
    ("paid", gettext_lazy("Paid")),
    ("refunded", gettext_lazy("Refunded")),
    ("disputed", gettext_lazy("Disputed")),
    ("net", gettext_lazy("Net")),
    ("tax", gettext_lazy("Tax in net")),
]


def sales_cells(asked: Asked, sales: Sales) -> tuple[Cell, ...]:
    amounts = (
        sales.paid_minor,
        sales.refunded_minor,
        sales.disputed_minor,
        sales.net_minor,
        sales.net_tax_minor,
    )
    return sales.purchases, *(asked.money(minor) for minor in amounts)


def added(one: Sales, other: Sales) -> Sales:
    return Sales(*(getattr(one, name) + getattr(other, name) for name in Sales.__dataclass_fields__))


def _standing_by_step(asked: Asked) -> dict[datetime.date, Standing]:
    """Return the figures at the end of each step; a day without a change keeps the last ones."""
    period = asked.period
    at_step = {
        period.step_of(day): at for day, at in standing_by_day(period.first, period.last, asked.currency)
    }
    to_come: dict[datetime.date, Decimal] = {}
    for day, each in to_come_by_day(period.last, asked.currency).items():
        step = period.step_of(max(day, period.first))
        to_come[step] = to_come.get(step, Decimal(0)) + each.change
    steps: dict[datetime.date, Standing] = {}
    at, paid_to_come = Standing(), Decimal(0)
    for step in period.steps:
        at = at_step.get(step, at)
        paid_to_come += to_come.get(step, Decimal(0))
        steps[step] = replace(at, deferred=at.deferred + paid_to_come)
    return steps


def _last(steps: dict[datetime.date, Standing]) -> Standing:
    return list(steps.values())[-1]


def _columns(
    period: Period,
    steps: dict[datetime.date, list[Decimal]],
    parts: list[Part],
    said: Callable[[datetime.date], str],
) -> BarChart:
    return draw_columns([Column(date_format(step), steps[step], said(step)) for step in steps], parts)
