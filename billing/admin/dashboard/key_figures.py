"""Compute the key figures of a period and of the period before it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.utils.translation import gettext as _

from billing.admin.dashboard.cells import Cell, Share, shown
from billing.admin.dashboard.definitions import DEFINITIONS
from billing.admin.dashboard.periods import Period
from billing.admin.dashboard.sheet import Sheet
from billing.admin.dashboard.sheets import Asked, paid_of
from billing.admin.figure import Figure
from billing.money import Money
from billing.purchases.models import Purchase
from billing.reporting.selectors import (
    buyers_by,
    checkouts_by_status,
    disputes_opened,
    new_buyers,
    purchases_paid,
    revenue_by_day,
    sales_in,
    total_revenue,
)
from billing.reporting.to_come import paid_to_come
from credits.reporting.selectors import standing_at

MONEY = (
    *("revenue", "refunded", "net_revenue", "tax", "recognised_revenue", "breakage", "written_off"),
    "deferred_revenue",
)
PURCHASES = ("purchases", "average_purchase", "conversion", "abandonment", "refund_rate", "dispute_rate")
CREDITS = ("outstanding_paid", "outstanding_promotional", "owed")
BUYERS = ("buyers", "new_buyers", "repeat_rate", "customer_value", "lifetime_value")


@dataclass(frozen=True)
class KeyFigure:
    """A key figure; ``code`` names it in files, ``before`` is None if there is nothing to compare with."""

    code: str
    name: str
    value: Cell
    definition: str
    before: Cell = None

    @property
    def as_figure(self) -> Figure:
        before = "" if self.before is None else _("vs %(value)s") % {"value": shown(self.before)}
        return Figure(self.name, shown(self.value), self.definition, before=before + self._change)

    @property
    def _change(self) -> str:
        """Return the relative change; empty for a share, as a percentage of a percentage misleads."""
        now, before = _size(self.value), _size(self.before)
        return (
            f" ({(now - before) / abs(before):+.0%})".replace("-", "−") if now is not None and before else ""
        )


@dataclass(frozen=True)
class Group:
    title: str
    figures: list[KeyFigure]


def key_figures(asked: Asked) -> list[Group]:
    """Return all key figures, with some twenty queries, each over as many rows as the period has days."""
    now, before = (_numbers(Asked(period, asked.currency)) for period in (asked.period, asked.period.before))

    return [
        Group(title, [_figure(code, now[code], before[code]) for code in codes])
        for title, codes in (
            (_("Money"), MONEY),
            (_("Purchases"), PURCHASES),
            (_("Credits"), CREDITS),
            (_("Buyers"), BUYERS),
        )
    ]


def _figure(code: str, value: Cell, before: Cell) -> KeyFigure:
    name, meaning = DEFINITIONS[code]
    return KeyFigure(code, str(name), value, meaning % {"days": settings.CUSTOMER_LIFETIME_DAYS}, before)


def as_sheet(groups: list[Group]) -> Sheet:
    """Return the key figures as a table, for download."""
    return Sheet(
        "figures",
        _("Figures"),
        "",
        [
            ("figure", _("Figure")),
            ("value", _("Value")),
            ("before", _("Previous period")),
            ("definition", _("Definition")),
        ],
        [(each.code, each.value, each.before, each.definition) for group in groups for each in group.figures],
    )


def _numbers(asked: Asked) -> dict[str, Cell]:
    period, money = asked.period, asked.money
    sales = sales_in(period.first, period.last, asked.currency)
    at = standing_at(period.last, asked.currency)
    earned = total_revenue(revenue_by_day(period.first, period.last, asked.currency))
    return {
        "revenue": money(sales.paid_minor),
        "refunded": money(sales.refunded_minor),
        "net_revenue": money(sales.net_minor),
        "tax": money(sales.net_tax_minor),
        "recognised_revenue": money(earned.recognised),
        "breakage": money(earned.breakage),
        "written_off": money(earned.written_off),
        "deferred_revenue": money(at.deferred + paid_to_come(period.last, asked.currency)),
        "average_purchase": _average(asked, sales.paid_minor, sales.purchases),
        "refund_rate": Share(_ratio(sales.refunded_minor, sales.paid_minor)),
        **_of_purchases(period),
        "outstanding_paid": at.paid,
        "outstanding_promotional": at.promotional,
        "owed": -at.owed,
        **_of_buyers(asked),
    }


def _of_purchases(period: Period) -> dict[str, Cell]:
    checkouts = checkouts_by_status(period.first, period.last)
    started, paid = sum(checkouts.values()), purchases_paid(period.first, period.last)
    return {
        "purchases": paid,
        "conversion": Share(_ratio(paid_of(checkouts), started)),
        "abandonment": Share(_ratio(checkouts[Purchase.Status.EXPIRED], started)),
        "dispute_rate": Share(_ratio(disputes_opened(period.first, period.last), paid)),
    }


def _of_buyers(asked: Asked) -> dict[str, Cell]:
    period = asked.period
    everyone, in_currency = buyers_by(period.last), buyers_by(period.last, asked.currency)
    to_date = sales_in(None, period.last, asked.currency)
    sales = sales_in(period.first, period.last, asked.currency)
    return {
        "buyers": everyone.all,
        "new_buyers": new_buyers(period.first, period.last),
        "repeat_rate": Share(_ratio(everyone.again, everyone.all)),
        "customer_value": _average(asked, to_date.net_minor, in_currency.all),
        # Average net purchase × purchases per buyer and day × customer lifetime in days.
        "lifetime_value": _average(
            asked,
            to_date.net_minor * sales.purchases * settings.CUSTOMER_LIFETIME_DAYS,
            to_date.purchases * in_currency.all * period.days,
        ),
    }


def _average(asked: Asked, minor: int, number: int) -> Money | None:
    return asked.money(Decimal(minor) / number) if number else None


def _size(cell: Cell) -> Decimal | None:
    match cell:
        case Money():
            return Decimal(cell.minor)
        case int() | Decimal():
            return Decimal(cell)
    return None


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None
