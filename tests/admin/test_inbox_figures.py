"""The figures above the inbox: each leads to what it counts, and the page takes as many queries however long it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from backoffice.display import percent
from billing.admin.inbox.figures import draw_hours
from billing.inbox.models import InboxEvent
from billing.inbox.selectors import Hour
from tests.admin.pages import LINK, list_of, page_of, read, rows_of
from tests.admin.rows import make_inbox_event

pytestmark = pytest.mark.django_db

INBOX = list_of(InboxEvent)
HOUR = timedelta(hours=1)


def make_event(status: str, kind: str = "a.b", hours: float = 0) -> InboxEvent:
    event = make_inbox_event(None, status)
    received = timezone.now() - hours * HOUR
    InboxEvent.objects.filter(pk=event.pk).update(type=kind, received_at=received)
    event.refresh_from_db()
    return event


def figures(client: Client, **query: str) -> Any:
    return client.get(INBOX, query).context["inbox"]


def by_name(shown: Any) -> dict[str, Any]:
    return {figure.name: figure for figure in shown.figures}


def test_each_figure_says_what_it_counts_and_leads_there(as_clerk: Client) -> None:
    for _ in range(7):
        make_event("applied")
    make_event("stored")
    failed = [make_event("unreadable"), make_event("failed", hours=2)]
    long_ago = make_event("failed", "old.type", hours=70)

    shown = by_name(figures(as_clerk))

    assert {name: figure.value for name, figure in shown.items() if name != "Events per hour"} == {
        "Processed": "80.0%",
        "Failed": "20.0%",
        "Oldest unprocessed": "2\xa0days",
    }
    assert all(figure.why for figure in shown.values())
    assert "10 events received" in shown["Events per hour"].why
    assert "7 processed, 1 needed no action, 0 ignored" in shown["Processed"].why
    (counted,) = LINK.findall(shown["Failed"].more)
    assert rows_of(as_clerk, INBOX + counted.replace("&amp;", "&").removeprefix(INBOX)) == failed
    assert LINK.findall(shown["Oldest unprocessed"].more) == [page_of(long_ago)]
    assert [figure.name for figure in shown.values() if figure.is_urgent] == ["Failed", "Oldest unprocessed"]


def test_what_waits_for_its_payment_is_neither_done_nor_failed(as_clerk: Client) -> None:
    for status in ("applied", "unmatched", "not_ours", "ignored"):
        make_event(status)

    shown = by_name(figures(as_clerk))

    assert {name: figure.value for name, figure in shown.items() if name != "Events per hour"} == {
        "Processed": "75.0%",
        "Failed": "0%",
        "Oldest unprocessed": "none",
    }
    assert "1 processed, 0 needed no action, 2 ignored" in shown["Processed"].why


def test_the_week_counts_what_the_day_does_not(as_clerk: Client) -> None:
    make_event("applied", hours=0)
    make_event("applied", hours=70)
    make_event("applied", hours=300)

    assert figures(as_clerk).traffic.total == 1
    assert figures(as_clerk, window="week").traffic.total == 2
    assert len(figures(as_clerk, window="week").traffic.hours) == 7 * 24
    assert figures(as_clerk, window="nonsense").traffic.total == 1


def test_failures_lead_by_their_type_to_as_many_events(as_clerk: Client) -> None:
    for kind, number in (("charge.failed", 3), ("refund.failed", 1)):
        for _ in range(number):
            make_event("failed", kind, hours=500)
    make_event("unreadable", "charge.failed", hours=500)
    make_event("applied", "charge.failed")

    shown = figures(as_clerk).failures

    counts = [number for _link, number in shown.rows]
    urls = [LINK.findall(link)[0].replace("&amp;", "&") for link, _number in shown.rows]
    assert counts == ["4", "1"]
    assert [len(rows_of(as_clerk, url)) for url in urls] == [4, 1]
    assert len(rows_of(as_clerk, LINK.findall(shown.more)[0])) == 5


def test_many_types_that_fail_are_summed_up(as_clerk: Client) -> None:
    for number in range(13):
        make_event("failed", f"type.{number:02}")

    rows = figures(as_clerk).failures.rows

    assert len(rows) == 11
    assert rows[-1] == ("3 more types", "3")


def test_an_inbox_where_all_is_well_is_not_marked(as_clerk: Client) -> None:
    make_event("applied")
    page = read(as_clerk, INBOX)

    assert "is-urgent" not in page
    assert "No failed events." in page


def test_an_empty_inbox_has_its_page(as_clerk: Client) -> None:
    shown = by_name(figures(as_clerk))

    assert [figure.value for figure in shown.values()] == ["0.0", "-", "-", "none"]


def test_the_figures_stand_above_the_whole_list_only(as_clerk: Client) -> None:
    make_event("failed")

    assert "inbox" in as_clerk.get(INBOX).context
    assert "inbox" not in as_clerk.get(INBOX, {"status__exact": "failed"}).context


def test_the_same_numbers_stand_in_the_chart_and_in_its_table(as_clerk: Client) -> None:
    for hours in (0, 0, 5):
        make_event("applied", hours=hours)
    page = read(as_clerk, INBOX)

    shown = figures(as_clerk)
    assert [hour.total for hour in shown.traffic.newest_first if hour.total] == [2, 1]
    assert page.count('class="chart-bar') == len(shown.chart.bars) == 2
    assert page.count('<th scope="row">') >= 24


@pytest.mark.parametrize(
    ("share", "shown"),
    [(None, "-"), (0, "0%"), (1, "100%"), (0.5, "50.0%"), (0.00001, "0.1%"), (0.99999, "99.9%")],
)
def test_only_nothing_is_nothing_and_only_all_is_all(share: float | None, shown: str) -> None:
    assert percent(share) == shown


def hours_with(*counts: tuple[int, int]) -> list[Hour]:
    """Hours of so many events that are applied, and so many that failed."""
    start = timezone.now()
    hours = [Hour(start) for _ in counts]
    for hour, (applied, failed) in zip(hours, counts, strict=True):
        hour.events.update({"applied": applied, "failed": failed})
    return hours


def test_a_bar_is_as_high_as_its_hour_is_busy_and_stands_on_what_is_not_applied() -> None:
    chart = draw_hours(hours_with((4, 0), (2, 2), (0, 0)))

    assert [(bar.x, bar.y, bar.height, bar.tone) for bar in chart.bars] == [
        ("20.00", "0.00", "160.00", ""),
        ("220.00", "80.00", "80.00", "is-failing"),
        ("220.00", "0.00", "80.00", ""),
    ]
    assert chart.bar_width == "160.00"


def test_one_failure_among_thousands_is_seen() -> None:
    (failing, _done) = draw_hours(hours_with((9999, 1))).bars

    assert failing.tone == "is-failing"
    assert float(failing.height) >= 3


@pytest.mark.parametrize("busiest", [0, 1, 3, 5, 9, 10, 11, 99, 101, 12345])
def test_levels_are_whole_numbers_up_to_the_busiest_hour(busiest: int) -> None:
    labels = [tick.label.replace(",", "") for tick in draw_hours(hours_with((busiest, 0))).ticks]

    assert all(label.isdigit() for label in labels)
    assert int(labels[0]) >= busiest
    assert labels[-1] == "0"
    assert 3 <= len(labels) <= 6


def test_the_page_counts_no_table_and_takes_as_many_queries_however_long_it_is(as_clerk: Client) -> None:
    def queries() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            assert as_clerk.get(INBOX).status_code == 200
        return [query["sql"] for query in captured]

    for number in range(60):
        make_event("failed", hours=number)
    few = queries()
    for number in range(60):
        make_event("failed", f"type.{number}", hours=number)
    many = queries()

    assert len(few) == len(many)
    counts = [said for said in many if "COUNT(" in said and "inbox_inboxevent" in said]
    assert len(counts) == 2  # of the window, and of what failed
    assert not [said for said in many if "DISTINCT" in said or " OFFSET " in said]
    assert not [said for said in many if '"payload"' in said]
