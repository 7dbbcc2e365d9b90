"""What each number of the front page is, in words. The page shows them beside the numbers, and so does the file."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _


class Definition(NamedTuple):
    """``meaning`` may name ``%(days)s``, the CUSTOMER_LIFETIME_DAYS."""

    name: Any
    meaning: Any


DEFINITIONS: dict[str, Definition] = {
    "revenue": Definition(
        _("Revenue"), _("What buyers paid in these days for purchases that were credited, before refunds.")
    ),
    "refunded": Definition(_("Refunded"), _("Refunds begun in these days that went through or still may.")),
    "net_revenue": Definition(
        _("Net revenue"),
        _("Revenue less what was refunded, and less the disputes of these days that are open or lost."),
    ),
    "recognised_revenue": Definition(
        _("Recognised revenue"),
        _(
            "What was paid for the bought credits used in these days, and breakage, less what was returned for credits "
            "that could not be taken back."
        ),
    ),
    "breakage": Definition(
        _("Breakage"),
        _("What was paid for bought credits that expired unspent in these days. A management estimate."),
    ),
    "written_off": Definition(
        _("Written off"),
        _("What was paid for bought credits that staff took, or that were forfeited with an account, in these days."),
    ),
    "deferred_revenue": Definition(
        _("Deferred revenue"), _("What was paid for the bought credits that are unspent and unexpired.")
    ),
    "purchases": Definition(
        _("Purchases"),
        _(
            "Paid at Stripe in these days and credited, whatever came of them, in all currencies. Free ones "
            "don’t count."
        ),
    ),
    "average_purchase": Definition(_("Average purchase"), _("Revenue, by the purchases that made it.")),
    "conversion": Definition(
        _("Conversion"), _("Of the checkouts started in these days: those that have been paid by now.")
    ),
    "abandonment": Definition(
        _("Abandonment"), _("Of the checkouts started in these days: those that expired unpaid.")
    ),
    "refund_rate": Definition(_("Refund rate"), _("What was refunded in these days, by their revenue.")),
    "dispute_rate": Definition(
        _("Dispute rate"), _("Disputes opened in these days, inquiries apart, by the purchases paid in them.")
    ),
    "outstanding_paid": Definition(
        _("Outstanding, bought"), _("Bought credits that are unspent and unexpired, at the end of these days.")
    ),
    "outstanding_promotional": Definition(
        _("Outstanding, promotional"), _("The same of credits that were given and not paid for.")
    ),
    "owed": Definition(
        _("Owed by buyers"),
        _(
            "Credits used and then refunded or disputed, or used on credit: the next ones that come pay "
            "them off."
        ),
    ),
    "buyers": Definition(_("Buyers to date"), _("People and teams with a paid purchase, by the end of these days.")),
    "new_buyers": Definition(_("New buyers"), _("Those whose first paid purchase was in these days.")),
    "repeat_rate": Definition(
        _("Repeat rate"), _("Of the buyers to date: those with two paid purchases or more.")
    ),
    "customer_value": Definition(
        _("Customer value"), _("Net revenue to date, by the buyers to date whose first purchase was in this currency.")
    ),
    "lifetime_value": Definition(
        _("Lifetime value"),
        _(
            "Average net purchase, times a buyer’s purchases a day in these days, times %(days)s days "
            "(CUSTOMER_LIFETIME_DAYS). A rough guide."
        ),
    ),
}  # fmt: skip
