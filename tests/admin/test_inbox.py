"""The inbox's page: figures lead to what they count, several events are applied at once, payloads name nobody."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from djstripe import models as djstripe

from accounts.models import User
from backoffice.display import percent
from billing.admin import inbox as inbox_admin
from billing.admin.inbox_figures import draw_hours
from billing.inbox.models import InboxEvent
from billing.inbox.selectors import Hour
from billing.purchases.models import Purchase
from billing.webhooks.receiving import reapply_events
from credits.ledger.models import Entry
from tests.admin.pages import LINK, history_of, links_on, list_of, messages_after, page_of, read, rows_of
from tests.admin.rows import make_inbox_event, make_purchase
from tests.billing.personal_samples import PERSONAL, SAMPLES, found_in
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db

INBOX = list_of(InboxEvent)
HOUR = timedelta(hours=1)
EVERYTHING_PERSONAL = [value for values in PERSONAL.values() for value in values]
UNREADABLE = {"data": {"object": {"object": "checkout.session"}}}


def make_event(status: str, kind: str = "a.b", hours: float = 0) -> InboxEvent:
    event = make_inbox_event(None, status)
    received = timezone.now() - hours * HOUR
    InboxEvent.objects.filter(pk=event.pk).update(type=kind, received_at=received)
    event.refresh_from_db()
    return event


def failed_payment(number: int = 0) -> InboxEvent:
    """Stripe's word of a payment, which could not be applied when it came."""
    event = make_inbox_event(make_purchase(), status="failed", note="OperationalError: gone")
    received = timezone.now() - timedelta(minutes=60 - number)
    InboxEvent.objects.filter(pk=event.pk).update(purchase=None, received_at=received)
    return event


def allow(user: User, permission: str) -> Client:
    user.user_permissions.add(Permission.objects.get(codename=permission))
    return sign_in(user)


def figures(client: Client, **query: str) -> Any:
    return client.get(INBOX, query).context["inbox"]


def by_name(shown: Any) -> dict[str, Any]:
    return {figure.name: figure for figure in shown.figures}


# --- The figures --------------------------------------------------------------------------------------------------


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


# --- Several events are applied again -----------------------------------------------------------------------------


def choose(client: Client, *events: InboxEvent, **more: Any) -> Any:
    answers = {"action": "reapply_selected", "index": "0", "_selected_action": [event.pk for event in events]}
    return client.post(INBOX, {**answers, **more})


def test_those_that_are_chosen_and_failed_are_applied_again(as_superuser: Client) -> None:
    chosen = [failed_payment(), failed_payment()]
    other = failed_payment()

    answer = choose(as_superuser, *chosen)

    assert (answer.status_code, answer.url) == (302, INBOX)
    assert messages_after(answer) == ["2 events processed."]
    assert set(InboxEvent.objects.filter(status="applied")) == set(chosen)
    assert Purchase.objects.filter(status="completed").count() == Entry.objects.count() == 2
    for event in chosen:
        assert history_of(event) == [("stella", "Reprocessed: applied")]
    assert history_of(other) == []


def test_one_that_still_fails_keeps_none_of_the_others_and_says_why(as_superuser: Client) -> None:
    chosen = [failed_payment(number) for number in range(3)]
    broken = chosen[1]
    InboxEvent.objects.filter(pk=broken.pk).update(payload={**broken.payload, **UNREADABLE})

    answer = choose(as_superuser, *chosen)

    went_well, still = messages_after(answer)
    assert went_well == "2 events processed."
    assert still.startswith(
        "1 event still fails: MalformedStripeObject: Stripe's checkout.session lacks a field"
    )
    assert Entry.objects.count() == 2
    broken.refresh_from_db()
    assert (broken.status, broken.attempts) == ("unreadable", 2)
    assert history_of(broken) == [("stella", "Reprocessing failed: MalformedStripeObject")]


@pytest.mark.django_db(transaction=True)
def test_each_is_committed_by_itself(as_superuser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page dies on the second: what the first one did is there, and the third is as it was."""
    chosen = [failed_payment(number) for number in range(3)]
    apply = reapply_events

    def die_at_the_second(event_ids: Any) -> Any:
        for number, came in enumerate(apply(event_ids)):
            if number == 1:
                raise KeyboardInterrupt
            yield came

    monkeypatch.setattr(inbox_admin, "reapply_events", die_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        choose(as_superuser, *chosen)

    assert [InboxEvent.objects.get(pk=event.pk).status for event in chosen] == [
        "applied",
        "applied",
        "failed",
    ]
    assert history_of(chosen[0]) == [("stella", "Reprocessed: applied")]
    assert Entry.objects.count() == 2


def test_those_that_came_first_are_applied_first(
    as_superuser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = [failed_payment(number) for number in (2, 0, 1)]
    asked: list[str] = []

    def only_listen(event_ids: Iterable[str]) -> list[Any]:
        asked.extend(event_ids)
        return []

    monkeypatch.setattr(inbox_admin, "reapply_events", only_listen)

    choose(as_superuser, *chosen)

    assert asked == [chosen[1].pk, chosen[2].pk, chosen[0].pk]


def test_what_has_not_failed_is_left_alone(as_superuser: Client) -> None:
    applied = make_inbox_event(make_purchase(), status="applied")

    answer = choose(as_superuser, applied)

    assert messages_after(answer) == ["None of these events has failed."]
    assert not Entry.objects.exists()
    assert history_of(applied) == []


def test_one_answer_applies_a_bounded_number(as_superuser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_admin, "MOST_AT_ONCE", 2)
    events = [failed_payment(number) for number in range(3)]

    answer = choose(as_superuser, events[0], select_across="1")

    assert messages_after(answer) == ["2 events processed."]
    assert InboxEvent.objects.filter(status="failed").count() == 1


def test_the_action_is_for_those_with_its_permission(clerk: User) -> None:
    event = failed_payment()
    without = sign_in(clerk)

    assert "reapply_selected" not in read(without, INBOX)
    assert choose(without, event).status_code == 403
    assert not Entry.objects.exists()

    allowed = allow(clerk, "reapply_event")
    assert "reapply_selected" in read(allowed, INBOX)
    assert choose(allowed, event).status_code == 302
    assert history_of(event) == [("carl", "Reprocessed: applied")]


def test_the_action_without_csrfs_token_does_nothing(superuser: User) -> None:
    event = failed_payment()

    assert choose(sign_in(superuser, enforce_csrf_checks=True), event).status_code == 403
    assert not Entry.objects.exists()


# --- Payloads -----------------------------------------------------------------------------------------------------


def with_samples() -> InboxEvent:
    event = make_inbox_event(None, "stored")
    event.payload = {"id": event.pk, "amount": 4711, "data": {"object": {"all": [SAMPLES]}}}
    event.save()
    return event


def payload_on(page: str) -> Any:
    return json.loads(page.split('<pre class="admin-json">')[1].split("</pre>")[0])


def test_a_payload_names_nobody_to_staff_without_the_permission(as_clerk: Client) -> None:
    page = read(as_clerk, page_of(with_samples()))
    shown = payload_on(page)

    assert found_in(shown, EVERYTHING_PERSONAL) == []
    assert shown["amount"] == 4711
    assert "payload (personal data hidden)" in page.lower()


def test_a_payload_is_whole_to_staff_with_the_permission(clerk: User) -> None:
    event = with_samples()

    assert payload_on(read(allow(clerk, "view_personal_data"), page_of(event))) == event.payload


def mirrored(model: type[Any], sample: str, **fields: Any) -> Any:
    data = {**SAMPLES[sample], "livemode": False}
    return model.objects.create(id=data["id"], stripe_data=data, livemode=False, **fields)


def test_the_mirrors_pages_name_nobody_to_staff_without_the_permission(clerk: User, as_clerk: Client) -> None:
    method = mirrored(djstripe.PaymentMethod, "payment_method")
    account_owner = {**SAMPLES["financial_connections.account_owner"], "id": "cus_1", "object": "customer"}
    customer = djstripe.Customer.objects.create(
        id="cus_1", stripe_data=account_owner, livemode=False, email=account_owner["email"]
    )
    pages = {
        method: PERSONAL["payment_method"],
        customer: PERSONAL["financial_connections.account_owner"],
    }
    urls = {row: (page_of(row), list_of(type(row))) for row in pages}

    for row, values in pages.items():
        for url in urls[row]:
            content = read(as_clerk, url).split('id="content"')[1]
            assert [value for value in values if len(value) > 3 and value in content] == [], url

    allowed = allow(clerk, "view_personal_data")
    for row, values in pages.items():
        assert [value for value in values if value not in read(allowed, urls[row][0])] == []
    assert account_owner["email"] in read(allowed, urls[customer][1])
    assert "4242" in read(allowed, urls[method][1])


def test_a_column_shows_whether_there_is_anything(as_clerk: Client) -> None:
    djstripe.Customer.objects.create(id="cus_1", stripe_data={"id": "cus_1"}, livemode=False, email="")

    assert "•••" not in read(as_clerk, list_of(djstripe.Customer))


def test_links_of_a_payloads_page_are_there_without_the_permission(as_clerk: Client) -> None:
    event = make_inbox_event(make_purchase(), "applied")

    assert page_of(event.purchase) in links_on(as_clerk, page_of(event))  # type: ignore[arg-type]  # it has one
