"""The inbox's page: several events are applied at once, and payloads name nobody."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from djstripe import models as djstripe

from accounts.models import User
from billing.admin.inbox import pages as inbox_admin
from billing.inbox.models import InboxEvent
from billing.purchases.models import Purchase
from billing.webhooks.receiving import reapply_events
from credits.ledger.models import Entry
from tests.admin.pages import history_of, links_on, list_of, messages_after, page_of, read
from tests.admin.rows import make_inbox_event, make_purchase
from tests.billing.personal_samples import PERSONAL, SAMPLES, found_in
from tests.support.signing_in import allow, sign_in

pytestmark = pytest.mark.django_db

INBOX = list_of(InboxEvent)
EVERYTHING_PERSONAL = [value for values in PERSONAL.values() for value in values]
UNREADABLE = {"data": {"object": {"object": "checkout.session"}}}


def failed_payment(number: int = 0) -> InboxEvent:
    """Stripe's word of a payment, which could not be applied when it came."""
    event = make_inbox_event(make_purchase(), status="failed", note="OperationalError: gone")
    received = timezone.now() - timedelta(minutes=60 - number)
    InboxEvent.objects.filter(pk=event.pk).update(purchase=None, received_at=received)
    return event


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
