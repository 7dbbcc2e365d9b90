"""Read the figures on an account's page, in a fixed number of queries however long its history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Model
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backoffice.display import EMPTY, chip, link_to, link_to_list, shortened
from backoffice.long_lists import BEYOND, write_place
from backoffice.tables import Table
from credits.admin.columns import hold_chip, hold_ends, lot_expires, lot_left, written
from credits.formatting import credits_amount, credits_change
from credits.ledger.models import Account, Entry, Hold, Lot
from credits.ledger.selectors import Balance, standing_of_account
from credits.statement.overview import MonthTotals, Overview, months_of, overview
from credits.statement.reading import Lots

ROWS = 10


@dataclass(frozen=True)
class Figure:
    """One figure of the account. ``why`` explains one that isn't obvious; ``urgent`` marks one that needs attention."""

    name: Any
    amount: Decimal
    why: Any = ""
    is_urgent: bool = False


@dataclass(frozen=True)
class Sheet:
    figures: list[Figure]
    overview: Overview
    tables: list[Table]


def sheet_of(account: Account) -> Sheet:
    """Return the account's figures, in at most nine queries. Days and months are in the reader's time zone."""
    now, zone = timezone.now(), timezone.get_current_timezone()
    standing = standing_of_account(account)
    shown = overview(standing, months_of(standing, now, zone), None, now, zone)
    return Sheet(
        figures=balance_figures(standing),
        overview=shown,
        tables=[
            lots_table(account, shown.lots),
            _holds(account),
            _entries(account),
            _months(account, shown.months),
        ],
    )


def balance_figures(balance: Balance) -> list[Figure]:
    """Return what always counts, and what needs attention."""
    always = [
        Figure(_("Balance"), balance.balance),
        Figure(_("Held"), balance.held),
        Figure(_("Available"), balance.available, _("ready to spend")),
    ]
    sometimes = [
        Figure(_("Debt"), balance.debt, _("paid off by incoming credits"), is_urgent=True),
        Figure(_("Expired"), balance.expired, _("still in the balance until the next job removes it")),
        Figure(_("Overdue holds"), balance.overdue, _("still held until the next job releases it")),
    ]
    return always + [figure for figure in sometimes if figure.amount]


def lots_table(account: Account, lots: Lots) -> Table:
    """Return the first lots that have something left, in the order of spending."""
    rows = [
        (
            link_to(lot, f"#{lot.pk}"),
            lot_left(lot),
            credits_amount(lot.held) if lot.held else EMPTY,
            lot_expires(lot),
            chip(_("Promotional"), "success") if lot.promotional else lot.reference or EMPTY,
        )
        for lot in lots.listed[:ROWS]
    ]
    count = len(lots.listed) + lots.more
    return Table(
        title=ngettext("%(count)s active lot", "%(count)s active lots", count) % {"count": _number(count)},
        headers=[_("Lot"), _("Remaining"), _("Held"), _("Expires"), _("Source")],
        rows=rows,
        empty=_("No remaining credits."),
        more=_all(Lot, account, _("All lots")),
    )


def _holds(account: Account) -> Table:
    found = Hold.objects.filter(account=account, status=Hold.Status.OPEN).order_by("expires_at", "id")[:ROWS]
    rows = [
        (
            link_to(hold, shortened(hold.key)),
            credits_amount(hold.remaining),
            credits_amount(hold.captured) if hold.captured else EMPTY,
            hold_chip(hold),
            hold_ends(hold),
        )
        for hold in found
    ]
    return Table(
        title=_("Open holds"),
        headers=[_("Key"), _("Still held"), _("Captured"), _("Status"), _("Time left")],
        rows=rows,
        empty=_("No open holds."),
        more=_all(Hold, account, _("All holds"), state="all"),
    )


def _entries(account: Account) -> Table:
    newest = Entry.objects.filter(account=account).defer("hash", "metadata").order_by("-version")[:ROWS]
    rows = [
        (
            link_to(entry, written(entry.created_at)),
            chip(entry.get_kind_display()),
            credits_change(entry.amount),
            credits_amount(entry.balance_after),
            shortened(entry.key),
        )
        for entry in newest
    ]
    return Table(
        title=_("Recent entries"),
        headers=[_("Date"), _("Kind"), _("Amount"), _("Balance after"), _("Key")],
        rows=rows,
        empty=_("No activity yet."),
        more=_all(Entry, account, _("All entries")),
    )


def _months(account: Account, months: Sequence[MonthTotals]) -> Table:
    return Table(
        title=_("Months"),
        headers=[_("Month"), _("In"), _("Out"), _("Closing balance"), _("Entries")],
        rows=list(_month_rows(account, months)),
        empty=_("No activity yet."),
    )


def _month_rows(account: Account, months: Iterable[MonthTotals]) -> Iterable[Sequence[Any]]:
    for month in months:
        end = month.totals.closing
        count = end.version - month.totals.opening.version
        # The list of entries begins with the month's last one.
        link = (
            _all(
                Entry,
                account,
                number_format(count, force_grouping=True),
                p=write_place(BEYOND, end.version + 1),
            )
            if count
            else EMPTY
        )
        yield (
            str(month.month),
            credits_change(month.totals.came_in),
            credits_change(month.totals.went_out),
            credits_amount(end.balance),
            link,
        )


def _all(model: type[Model], account: Account, label: Any, **query: Any) -> str:
    return link_to_list(model, label, account__id__exact=account.pk, **query)


def _number(count: int) -> str:
    return number_format(count, force_grouping=True)
