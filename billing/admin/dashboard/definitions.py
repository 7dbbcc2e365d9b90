"""Define each key figure in words, for the page and the CSV file."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _


class Definition(NamedTuple):
    """A figure's name and meaning, which may contain ``%(days)s`` for CUSTOMER_LIFETIME_DAYS."""

    name: Any
    meaning: Any


DEFINITIONS: dict[str, Definition] = {
    "revenue": Definition(
        _("Revenue"), _("Payments in this period for credited purchases, before refunds.")
    ),
    "refunded": Definition(_("Refunded"), _("Refunds started in this period that succeeded or still may.")),
    "net_revenue": Definition(
        _("Net revenue"),
        _("Revenue less refunds, and less disputes of this period that are open or lost."),
    ),
    "tax": Definition(
        _("Tax"),
        _("The tax in net revenue: charged in this period, less what went back with refunds and disputes."),
    ),
    "recognised_revenue": Definition(
        _("Recognised revenue"),
        _(
            "The amount paid for purchased credits used in this period, plus breakage, less refunds and "
            "disputes of credits that couldn’t be removed."
        ),
    ),
    "breakage": Definition(
        _("Breakage"),
        _("The amount paid for purchased credits that expired unspent in this period. A management estimate."),
    ),
    "written_off": Definition(
        _("Written off"),
        _("The amount paid for purchased credits that staff removed, or that were forfeited with an "
          "account, in this period."),
    ),
    "deferred_revenue": Definition(
        _("Deferred revenue"),
        _("The amount paid for purchased credits that are unspent and unexpired, or still to come."),
    ),
    "purchases": Definition(
        _("Purchases"),
        _(
            "Purchases paid in this period and credited, even if refunded since, in all currencies. Free "
            "packages don’t count."
        ),
    ),
    "average_purchase": Definition(_("Average purchase"), _("Revenue divided by the purchases behind it.")),
    "conversion": Definition(
        _("Conversion"), _("Share of checkouts started in this period that have been paid.")
    ),
    "abandonment": Definition(
        _("Abandonment"), _("Share of checkouts started in this period that expired unpaid.")
    ),
    "refund_rate": Definition(_("Refund rate"), _("Refunds divided by revenue, in this period.")),
    "dispute_rate": Definition(
        _("Dispute rate"), _("Disputes opened in this period, excluding inquiries, divided by purchases paid.")
    ),
    "outstanding_paid": Definition(
        _("Outstanding, purchased"), _("Purchased credits, unspent and unexpired at the end of this period.")
    ),
    "outstanding_promotional": Definition(
        _("Outstanding, promotional"), _("Promotional credits, unspent and unexpired at the end of this period.")
    ),
    "owed": Definition(
        _("Customer debt"),
        _(
            "Credits used and then refunded or disputed, or used on credit. Incoming credits pay it off."
        ),
    ),
    "buyers": Definition(_("Buyers to date"), _("Customers and teams with a paid purchase by the end of this period.")),
    "new_buyers": Definition(_("New buyers"), _("Buyers whose first paid purchase was in this period.")),
    "repeat_rate": Definition(
        _("Repeat rate"), _("Share of buyers to date with two or more paid purchases.")
    ),
    "customer_value": Definition(
        _("Customer value"), _("Net revenue to date divided by the buyers whose first purchase was in this currency.")
    ),
    "lifetime_value": Definition(
        _("Lifetime value"),
        _(
            "Average net purchase × purchases per buyer and day in this period × %(days)s days "
            "(CUSTOMER_LIFETIME_DAYS). A rough guide."
        ),
    ),
}  # fmt: skip
