"""Columns that the ledger's lists share: account, times, a hold's status."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from functools import wraps
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from backoffice.display import EMPTY, chip, link_to, pretty_json, shortened
from credits.adjustments.models import Adjustment
from credits.formatting import credits_amount
from credits.ledger.models import Entry, Hold, Lot

# A UUID fits.
LONGEST_WORD = 36
STATUS_TONES: dict[str, str] = {Hold.Status.OPEN: "info", Hold.Status.CAPTURED: "success"}


def once_per_row(show: Callable[[Any, Any], str]) -> Callable[[Any, Any], str]:
    """Cache a field that queries the database: unfold asks for a field's text five times."""

    @wraps(show)
    def shown(page: Any, row: Any) -> str:
        texts: dict[str, str] = row.__dict__.setdefault("texts_of_admin", {})
        if show.__name__ not in texts:
            texts[show.__name__] = show(page, row)
        return texts[show.__name__]

    return shown


def column(label: Any, show: Callable[[Any], str], ordering: str | None = None) -> Callable[[Any, Any], str]:
    """Return an admin's column that shows its rows by a function."""

    def shown(page: Any, row: Any) -> str:
        return show(row)

    described: Callable[[Any, Any], str] = display(shown, description=label, ordering=ordering)
    return described


def amount_column(
    label: Any,
    name: str,
    show: Callable[[Decimal], str] = credits_amount,
    *,
    dash_for_zero: bool = False,
    ordering: str | None = None,
) -> Callable[[Any, Any], str]:
    """Return an admin's column that shows an amount of its rows."""

    def shown(row: Any) -> str:
        amount = getattr(row, name)
        return EMPTY if dash_for_zero and not amount else show(amount)

    return column(label, shown, ordering)


class LedgerColumns:
    """The account, as a link, and what the client said: its own reference, metadata."""

    @display(description=gettext_lazy("reference"))
    def reference_shown(self, row: Entry | Lot | Hold | Adjustment) -> str:
        return shortened(row.reference, LONGEST_WORD)

    @display(description=gettext_lazy("account"))
    def account_link(self, row: Entry | Lot | Hold | Adjustment) -> str:
        return link_to(row.account)

    @display(description=gettext_lazy("metadata"))
    def metadata_shown(self, row: Entry | Hold) -> str:
        return pretty_json(row.metadata) if row.metadata else EMPTY


def written(moment: datetime | None) -> str:
    """Format a time as the admin's own columns do."""
    return EMPTY if moment is None else date_format(timezone.localtime(moment), "DATETIME_FORMAT")


def is_overdue(hold: Hold) -> bool:
    return hold.status == Hold.Status.OPEN and hold.expires_at <= timezone.now()


def hold_chip(hold: Hold) -> str:
    if is_overdue(hold):
        return chip(_("Overdue"), "warning")
    return chip(hold.get_status_display(), STATUS_TONES.get(hold.status))


def hold_ends(hold: Hold) -> str:
    """Return when an open hold expires."""
    if hold.status != Hold.Status.OPEN:
        return EMPTY
    if is_overdue(hold):
        return _("%(time)s ago") % {"time": timesince(hold.expires_at)}
    return _("in %(time)s") % {"time": timeuntil(hold.expires_at)}


def lot_expires(lot: Lot) -> str:
    return written(lot.expires_at) if lot.expires_at else _("never")


def lot_left(lot: Lot) -> str:
    return _("%(left)s of %(all)s") % {
        "left": credits_amount(lot.remaining),
        "all": credits_amount(lot.amount),
    }
