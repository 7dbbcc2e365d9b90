"""Build the table of customers running low."""

from __future__ import annotations

from django.utils.translation import gettext as _

from backoffice.display import link_to
from billing.admin.dashboard.cells import Link, shown
from billing.admin.dashboard.sheet import Sheet
from credits.reporting.running_dry import WITHIN_DAYS, running_dry


def buyers_running_dry(most: int) -> Sheet:
    """Return the first ``most`` customers running low, the soonest first."""
    found = running_dry()
    return Sheet(
        "running-dry",
        _("Customers running low"),
        _(
            "Balances that last less than %(days)s days at the rate of the past seven full days. "
            "%(number)s in total, updated every 15 minutes."
        )
        % {"days": WITHIN_DAYS, "number": shown(found.count())},
        [
            ("account", _("Account")),
            ("balance", _("Balance")),
            ("burn_per_day", _("Daily spend")),
            ("days_left", _("Days left")),
        ],
        [
            (Link(str(dry.account), link_to(dry.account)), dry.balance, dry.burn, dry.days)
            for dry in found[:most]
        ],
        empty=_("No customers are running low."),
    )
