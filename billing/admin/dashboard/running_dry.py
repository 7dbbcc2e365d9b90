"""The table of buyers whose credits are about to end."""

from __future__ import annotations

from django.utils.translation import gettext as _

from backoffice.display import link_to
from billing.admin.dashboard.cells import Link, shown
from billing.admin.dashboard.sheet import Sheet
from credits.reporting.running_dry import WITHIN_DAYS, running_dry


def buyers_running_dry(most: int) -> Sheet:
    """The first ``most`` of them: who ends first comes first."""
    found = running_dry()
    return Sheet(
        "running-dry",
        _("Buyers about to run dry"),
        _(
            "Whose balance lasts for less than %(days)s days, were they to spend as in the last seven whole days. "
            "%(number)s in all, looked for every 15 minutes."
        )
        % {"days": WITHIN_DAYS, "number": shown(found.count())},
        [
            ("account", _("Account")),
            ("balance", _("Balance")),
            ("burn_per_day", _("Spent a day")),
            ("days_left", _("Days left")),
        ],
        [
            (Link(str(dry.account), link_to(dry.account)), dry.balance, dry.burn, dry.days)
            for dry in found[:most]
        ],
        empty=_("Nobody is about to run out of credits."),
    )
