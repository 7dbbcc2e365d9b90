"""Compute the figures above the inbox: how much arrives, its outcome, and what waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backoffice.display import link_to, link_to_list, percent
from backoffice.tables import Table
from billing.admin.bar_chart import BarChart, Column, Part, draw_columns
from billing.admin.figure import Choice, Figure
from billing.inbox.models import InboxEvent
from billing.inbox.selectors import HOUR, Hour, Traffic, failures_by_type, oldest_not_applied, traffic

DAY, WEEK = "day", "week"
WINDOWS: dict[str, tuple[Any, int]] = {
    DAY: (gettext_lazy("24 hours"), 24),
    WEEK: (gettext_lazy("7 days"), 7 * 24),
}
MOST_TYPES = 10
Status = InboxEvent.Status
FAILING = ",".join(InboxEvent.FAILING)


@dataclass(frozen=True)
class Figures:
    windows: list[Choice]
    figures: list[Figure]
    chart: BarChart
    traffic: Traffic
    failures: Table


def figures_of(window: str) -> Figures:
    """Return the inbox figures, with three queries whatever its length; an unknown window means a day."""
    shown = window if window in WINDOWS else DAY
    counted = traffic(WINDOWS[shown][1])
    failures = failures_by_type()
    return Figures(
        windows=[Choice(name, f"?window={code}", code == shown) for code, (name, _hours) in WINDOWS.items()],
        figures=[_rate(counted), _done(counted), _failed(counted), _oldest(oldest_not_applied())],
        chart=draw_hours(counted.hours),
        traffic=counted,
        failures=_failures(failures),
    )


def draw_hours(hours: Sequence[Hour]) -> BarChart:
    """Draw the events of each hour, of which there must be at least one, with the unprocessed at the bottom."""
    columns = [
        Column(
            date_format(timezone.localtime(hour.start), "DAY_MINUTE_FORMAT"),
            (Decimal(hour.not_applied), Decimal(hour.total - hour.not_applied)),
            _number(hour.total),
        )
        for hour in hours
    ]
    return draw_columns(columns, (Part(_("unprocessed"), "is-failing"), Part(_("processed"))), counted=True)


def _rate(counted: Traffic) -> Figure:
    elapsed = (timezone.now() - counted.start) / HOUR
    return Figure(
        _("Events per hour"),
        number_format(counted.total / elapsed, 1, force_grouping=True),
        ngettext(
            "%(count)s event received; repeat deliveries aren’t counted.",
            "%(count)s events received; repeat deliveries aren’t counted.",
            counted.total,
        )
        % {"count": number_format(counted.total, force_grouping=True)},
    )


def _done(counted: Traffic) -> Figure:
    events = counted.events
    split = {
        "applied": _number(events[Status.APPLIED]),
        "stored": _number(events[Status.STORED]),
        "not_ours": _number(events[Status.NOT_OURS] + events[Status.IGNORED]),
    }
    return Figure(
        _("Processed"),
        percent(counted.share(*InboxEvent.DONE)),
        _(
            "Of all events: %(applied)s processed, %(stored)s needed no action, %(not_ours)s ignored. "
            "Events waiting for their payment aren’t included yet."
        )
        % split,
    )


def _failed(counted: Traffic) -> Figure:
    number = sum(counted.events[status] for status in InboxEvent.FAILING)
    since = {"received_at__gte": counted.start.isoformat(" ")}
    return Figure(
        _("Failed"),
        percent(counted.share(*InboxEvent.FAILING)),
        _("Of all events: couldn’t be processed or read. Events reprocessed since count as processed."),
        link_to_list(InboxEvent, _counted(number), status__in=FAILING, **since) if number else "",
        is_urgent=number > 0,
    )


def _oldest(event: InboxEvent | None) -> Figure:
    return Figure(
        _("Oldest unprocessed"),
        timesince(event.received_at, depth=1) if event else _("none"),
        _("Age of the oldest event that failed or was never finished, whatever the period shown."),
        link_to(event, event.type) if event else "",
        is_urgent=event is not None,
    )


def _failures(found: Sequence[tuple[str, int]]) -> Table:
    listed, rest = found[:MOST_TYPES], found[MOST_TYPES:]
    rows: list[tuple[Any, ...]] = [
        (link_to_list(InboxEvent, kind, status__in=FAILING, type=kind), _number(number))
        for kind, number in listed
    ]
    if rest:
        more = ngettext("%(count)s more type", "%(count)s more types", len(rest)) % {"count": len(rest)}
        rows.append((more, _number(sum(number for _kind, number in rest))))
    return Table(
        title=_("Failures by type"),
        headers=[_("Type"), _("Failed")],
        rows=rows,
        empty=_("No failed events."),
        more=link_to_list(InboxEvent, _("All failures"), status__in=FAILING) if found else "",
    )


def _counted(number: int) -> str:
    return _("Show all %(count)s") % {"count": _number(number)}


def _number(number: int) -> str:
    return number_format(number, force_grouping=True)
