"""Build the dashboard's table of sales in the reporting currency."""

from __future__ import annotations

import datetime
from dataclasses import replace

from django.conf import settings
from django.utils.translation import gettext as _

from billing.admin.dashboard.sheet import Sheet
from billing.admin.dashboard.sheets import NOTHING_SOLD, SALES_COLUMNS, Asked, added, sales_cells
from billing.reporting.selectors import Sales
from billing.reporting.settled import settled_sales

# Tax isn't settled apart from the rest.
WITHOUT_TAX = [column for column in SALES_COLUMNS if column[0] != "tax"]


def settled(asked: Asked) -> Sheet:
    """Return the sales that were settled in the reporting currency, and how many weren't."""
    period, currency = asked.period, settings.REPORTING_CURRENCY
    found = settled_sales(period.first, period.last)
    sold: dict[datetime.date, Sales] = {}
    left_out: dict[datetime.date, int] = {}
    for settled_in, days in found.items():
        for day, sales in days.items():
            step = period.step_of(day)
            if settled_in == currency:
                sold[step] = added(sold.get(step, Sales()), sales)
            else:
                number = sales.purchases + sales.refunds + sales.disputes
                left_out[step] = left_out.get(step, 0) + number
    asked = replace(asked, currency=currency)
    return Sheet(
        "settled",
        _("In %(currency)s, at Stripe’s rates") % {"currency": currency.upper()},
        _(
            "Payments, refunds and disputes in all currencies as they came to the balance in this one, before fees. "
            "Left out, as they were settled in another currency or not yet: %(number)s."
        )
        % {"number": sum(left_out.values())},
        [("from", period.step_name), *WITHOUT_TAX, ("left_out", _("Left out"))],
        [
            (step, *sales_cells(asked, sold.get(step, Sales()))[: len(WITHOUT_TAX)], left_out.get(step, 0))
            for step in sorted({*sold, *left_out}, reverse=True)
        ],
        empty=NOTHING_SOLD,
    )
