"""Assemble the dashboard, and offer each of its tables as a CSV file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from accounts.downloads import as_file, record_download
from billing.admin.dashboard import sheets
from billing.admin.dashboard.key_figures import Group, as_sheet, key_figures
from billing.admin.dashboard.periods import USUAL, Period, asked_period
from billing.admin.dashboard.running_dry import buyers_running_dry
from billing.admin.dashboard.settled import settled
from billing.admin.dashboard.sheet import Sheet
from billing.admin.dashboard.sheets import Asked
from billing.admin.downloads import may_download
from billing.admin.figure import Choice
from billing.purchases.models import Purchase
from billing.reporting.selectors import currencies_sold, sales_counted_at
from core.database.replica.reading import read_from_replica
from core.days import day_of
from credits.reporting.selectors import ledger_counted_at

DRY_SHOWN = 8
DRY_IN_FILE = 10_000
SHEETS: dict[str, Callable[[Asked], Sheet]] = {
    "revenue": sheets.revenue,
    "packages": sheets.packages,
    "statuses": sheets.statuses,
    "funnel": sheets.funnel,
    "recovery": sheets.recovery,
    "outstanding": sheets.outstanding,
    "recognised": sheets.recognised,
}
FILES: dict[str, Callable[[Asked], Sheet]] = {
    **SHEETS,
    "figures": lambda asked: as_sheet(key_figures(asked)),
    "running-dry": lambda asked: buyers_running_dry(DRY_IN_FILE),
}


@dataclass(frozen=True)
class Download:
    sheet: Sheet
    url: str


@dataclass(frozen=True)
class Dashboard:
    """The dashboard; ``counted_at`` is None before the first count, ``days_in`` is the time zone of its days."""

    period: Period
    periods: list[Choice]
    currencies: list[Choice]
    counted_at: Any
    days_in: str
    groups: list[Group]
    sheets: list[Download]
    running_dry: Download
    figures_url: str


def dashboard(asked: Mapping[str, str]) -> Dashboard:
    """Return the dashboard for a query string. The number of queries doesn't grow with the tables."""
    currencies = currencies_sold()
    what = _asked(asked, currencies)
    counted = [sales_counted_at(), ledger_counted_at()]
    return Dashboard(
        period=what.period,
        periods=[
            Choice(name, _index(what, {"period": code}), code == what.period.code)
            for code, (name, _days) in USUAL.items()
        ],
        currencies=[
            Choice(code.upper(), _index(what, {**what.period.query, "currency": code}), code == what.currency)
            for code in currencies
        ],
        counted_at=None if None in counted else min(counted),  # type: ignore[type-var]  # none of them is None
        days_in=timezone.get_default_timezone_name(),
        groups=key_figures(what),
        sheets=[Download(sheet(what), _file(code, what)) for code, sheet in _sheets().items()],
        running_dry=Download(buyers_running_dry(DRY_SHOWN), _file("running-dry", what)),
        figures_url=_file("figures", what),
    )


def figures_file(request: HttpRequest, code: str) -> HttpResponseBase:
    """Serve one table as a CSV file, for the period and currency in the query string."""
    if not may_download(request):
        raise PermissionDenied
    files = {**FILES, **_sheets()}
    if code not in files:
        raise Http404(code)
    record_download(request, Purchase, code)
    asked = request.GET.dict()
    return read_from_replica(
        request, lambda: as_file(code, files[code](_asked(asked, currencies_sold())).csv())
    )


def _sheets() -> dict[str, Callable[[Asked], Sheet]]:
    return {**SHEETS, "settled": settled} if settings.REPORTING_CURRENCY else SHEETS


figures_view = admin.site.admin_view(figures_file)


def _asked(asked: Mapping[str, str], currencies: list[str]) -> Asked:
    """Return what the query string asks for; an unsold currency gives way to the one that sold most."""
    currency = asked.get("currency", "")
    if currency not in currencies:
        currency = currencies[0]
    return Asked(asked_period(asked, day_of(timezone.now())), currency)


def _index(what: Asked, query: dict[str, str]) -> str:
    return reverse("admin:index", query={"currency": what.currency, **query})


def _file(code: str, what: Asked) -> str:
    return reverse("figures-file", args=[code], query={**what.period.query, "currency": what.currency})
