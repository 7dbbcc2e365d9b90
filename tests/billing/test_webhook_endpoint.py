"""The webhook: an event is applied once however it comes, and 2xx is said only of what is durably done."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from billing.inbox.models import InboxEvent
from billing.packages.models import Package
from billing.purchases.models import Purchase, PurchaseEvent
from credits.ledger.models import Account, Entry
from tests.billing.calling import (
    WEBHOOK,
    assert_problem,
    deliver,
    last_event,
    made_up_event,
    paid_session_event,
    signature_of,
    the_event,
)
from tests.support.builders import PackageFactory, UserFactory, put_on_sale, start
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
LEGACY = "/api/credits/webhook"


@pytest.fixture(autouse=True)
def _secrets(settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET]


@pytest.fixture
def shop(sandbox: Sandbox) -> Sandbox:
    put_on_sale()
    return sandbox


# --- What comes of it? --------------------------------------------------------------------------------------------


def test_an_unknown_type_is_stored_whole_and_changes_nothing() -> None:
    event = made_up_event("tax.settings.updated", {"id": "txs_1", "new_field": {"deep": [1, None, "é"]}})

    assert deliver(event).status_code == 200
    row = the_event()
    assert (row.id, row.type, row.status, row.payload) == ("evt_made_up", event["type"], "stored", event)
    assert (row.api_version, row.livemode, row.attempts) == ("2026-08-26.dahlia", False, 1)
    assert int(row.stripe_created.timestamp()) == event["created"]


def test_an_event_of_another_api_version_with_unknown_fields_is_applied(shop: Sandbox) -> None:
    event = paid_session_event(shop, start(UserFactory()).session_id)
    event.update(api_version="2031-01-01.future", new_envelope_field=1)
    event["data"]["object"].update(new_field={"a": 1}, payment_method_configuration_details=None)

    assert deliver(event).status_code == 200
    assert Entry.objects.get().amount == 1000


def test_a_paid_session_is_credited_in_eleven_statements_and_without_a_network_call(shop: Sandbox) -> None:
    user = UserFactory()
    event = paid_session_event(shop, start(user, "standard").session_id)
    shop.delete("/_sandbox/requests")
    with CaptureQueriesContext(connection) as queries:
        answer = deliver(event)

    assert (answer.status_code, Account.objects.get(owner=user).balance) == (200, 5000)
    statements = [query["sql"] for query in queries]
    assert (statements[0], statements[-1]) == ("BEGIN", "COMMIT")
    assert len(statements) <= 12, "\n".join(statements)
    assert shop.calls() == []


@pytest.mark.parametrize("event_type", ["payment_intent.succeeded", "charge.succeeded", "product.created"])
def test_every_other_event_stays_within_eleven_statements_too(shop: Sandbox, event_type: str) -> None:
    started = start(UserFactory())
    paid_session_event(shop, started.session_id)
    known = [event for event in shop.objects("event") if event["type"] == event_type]
    event = known[-1] if known else made_up_event(event_type, {"id": "prod_1", "object": "product"})
    shop.delete("/_sandbox/requests")
    with CaptureQueriesContext(connection) as queries:
        assert deliver(event).status_code == 200

    assert len(queries) <= 12
    assert shop.calls() == []


def test_a_repeated_event_is_counted_and_credited_once_in_three_statements(shop: Sandbox) -> None:
    event = paid_session_event(shop, start(UserFactory()).session_id)
    deliver(event)
    with CaptureQueriesContext(connection) as queries:
        assert deliver(event).status_code == 200

    assert len(queries) == 3
    assert (the_event().attempts, Entry.objects.count()) == (2, 1)


def test_the_same_fact_under_another_event_id_is_credited_once(shop: Sandbox) -> None:
    event = paid_session_event(shop, start(UserFactory()).session_id)
    answers = [deliver({**event, "id": event_id}).status_code for event_id in ("evt_1", "evt_2")]

    assert answers == [200, 200]
    assert (InboxEvent.objects.filter(status="applied").count(), Entry.objects.count()) == (2, 1)


def at_once(site: str, *events: Any) -> list[int]:
    gate = threading.Barrier(len(events))

    def post(event: Any) -> int:
        body = json.dumps(event).encode()
        headers = {"Stripe-Signature": signature_of(body), "Content-Type": "application/json"}
        gate.wait()
        return requests.post(site + WEBHOOK, body, headers=headers, timeout=20).status_code

    with ThreadPoolExecutor(len(events)) as pool:
        return list(pool.map(post, events))


def test_the_same_event_delivered_at_once_is_credited_once(shop: Sandbox, live_server: Any) -> None:
    event = paid_session_event(shop, start(UserFactory()).session_id)

    assert at_once(live_server.url, *[event] * 8) == [200] * 8
    assert (Entry.objects.count(), PurchaseEvent.objects.filter(what="credited").count()) == (1, 1)
    assert the_event().attempts == 8


def test_several_events_of_one_payment_delivered_at_once_credit_once(shop: Sandbox, live_server: Any) -> None:
    event = paid_session_event(shop, start(UserFactory()).session_id)
    intent = last_event(shop, "payment_intent.succeeded")
    others = [{**event, "id": f"evt_{number}"} for number in range(3)]

    assert at_once(live_server.url, *others, intent, intent, event) == [200] * 6
    assert Entry.objects.count() == 1


# --- What can't be applied ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [WEBHOOK, LEGACY])
def test_what_fails_to_apply_is_a_500_kept_as_failed_and_its_repeat_is_applied(
    shop: Sandbox, path: str
) -> None:
    started = start(UserFactory())
    event = paid_session_event(shop, started.session_id)
    with connection.cursor() as cursor:  # the ledger is out of order for a while
        cursor.execute("ALTER FUNCTION credits_grant RENAME TO credits_grant_away")
    try:
        failed = deliver(event, path)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER FUNCTION credits_grant_away RENAME TO credits_grant")

    assert failed.status_code == 500
    row = the_event()
    assert (row.status, row.attempts, row.payload["id"]) == ("failed", 1, event["id"])
    assert row.note.startswith("ProgrammingError: function credits_grant")
    assert (Purchase.objects.get().status, Entry.objects.count()) == ("pending", 0)

    assert deliver(event, path).status_code == 200
    row.refresh_from_db()
    assert (row.status, row.note, row.attempts, row.purchase_id) == ("applied", "", 2, started.purchase.pk)
    assert Entry.objects.count() == 1


def test_a_crash_is_a_problem_that_tells_nothing_of_the_inside(shop: Sandbox) -> None:
    event = paid_session_event(shop, start(UserFactory()).session_id)
    with connection.cursor() as cursor:
        cursor.execute("ALTER FUNCTION credits_grant RENAME TO credits_grant_away")
    try:
        answer = deliver(event)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER FUNCTION credits_grant_away RENAME TO credits_grant")

    assert_problem(answer, 500, "error")
    assert b"credits_grant" not in answer.content


def test_an_object_without_what_we_need_stays_in_the_inbox_and_is_not_asked_for_again() -> None:
    event = made_up_event("checkout.session.completed", {"id": "cs_test_1", "object": "checkout.session"})

    assert deliver(event).status_code == 200
    row = the_event()
    assert row.status == "unreadable"
    assert "KeyError" in row.note


def test_a_failure_after_the_event_was_applied_does_not_undo_its_mark(shop: Sandbox) -> None:
    event = paid_session_event(shop, start(UserFactory()).session_id)
    deliver(event)
    broken = {**event, "data": {"object": {"id": "cs_test_1"}}}

    assert deliver(broken).status_code == 200
    assert the_event().status == "applied"


# --- Whose is it? -------------------------------------------------------------------------------------------------

FOREIGN: dict[str, dict[str, Any]] = {
    "no metadata": {"metadata": None, "client_reference_id": None},
    "empty metadata": {"metadata": {}, "client_reference_id": None},
    "another system's metadata": {"metadata": {"order": "77"}, "client_reference_id": "77"},
    "a reference that is no id": {"metadata": {"purchase_id": "../../etc/passwd"}},
    "a reference to nothing": {"metadata": {"purchase_id": "11111111-1111-4111-8111-111111111111"}},
    "a list for metadata's value": {"metadata": {"purchase_id": ["x"]}},
    "a number for a reference": {"metadata": {"purchase_id": 5}},
}


@pytest.mark.parametrize("fields", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_session_that_is_not_ours_is_kept_as_unmatched_and_credits_nobody(
    shop: Sandbox, fields: dict[str, Any]
) -> None:
    event = paid_session_event(shop, start(UserFactory()).session_id)
    event["data"]["object"].update(id="cs_test_elsewhere", **fields)
    answer = deliver(event)

    row = the_event()
    assert (answer.status_code, row.status, row.purchase_id) == (200, "unmatched", None)
    assert Entry.objects.count() == 0
    assert Purchase.objects.get().status == "pending"


def test_another_session_that_claims_our_purchase_is_unmatched(shop: Sandbox) -> None:
    event = paid_session_event(shop, start(UserFactory()).session_id)
    event["data"]["object"]["id"] = "cs_test_copied"

    assert deliver(event).status_code == 200
    assert the_event().status == "unmatched"
    assert Entry.objects.count() == 0


def test_a_session_of_ours_without_metadata_is_found_by_its_id(shop: Sandbox) -> None:
    event = paid_session_event(shop, start(UserFactory()).session_id)
    event["data"]["object"].update(metadata={}, client_reference_id=None)

    assert deliver(event).status_code == 200
    assert Entry.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "attention"),
    [
        ({"amount_total": 999}, "amount_differs"),
        ({"amount_total": 1001}, "amount_differs"),
        ({"amount_total": None}, "amount_differs"),
        ({"amount_total": 100000}, "amount_differs"),
        ({"currency": "jpy"}, "currency_differs"),
        ({"currency": "eur"}, "currency_differs"),
    ],
)
def test_a_payment_of_another_amount_or_currency_credits_nothing_and_staff_see_it(
    shop: Sandbox, fields: dict[str, Any], attention: str
) -> None:
    event = paid_session_event(shop, start(UserFactory()).session_id)
    event["data"]["object"].update(fields)

    assert deliver(event).status_code == 200
    purchase = Purchase.objects.get()
    assert (purchase.attention, purchase.status, Entry.objects.count()) == (attention, "pending", 0)
    assert the_event().purchase == purchase


def test_a_purchase_of_a_deleted_user_credits_nobody_and_staff_see_it(shop: Sandbox) -> None:
    user = UserFactory()
    event = paid_session_event(shop, start(user).session_id)
    User.objects.get(pk=user.pk).delete()

    assert deliver(event).status_code == 200
    purchase = Purchase.objects.get()
    assert (purchase.attention, purchase.status, purchase.user) == ("buyer_deleted", "pending", None)
    assert Entry.objects.count() == 0


def test_a_deleted_package_takes_no_purchase_with_it(shop: Sandbox) -> None:
    event = paid_session_event(shop, start(UserFactory(), "standard").session_id)
    Package.objects.all().delete()

    assert deliver(event).status_code == 200
    assert Entry.objects.get().amount == 5000


def test_an_edited_package_changes_nothing_that_was_bought(shop: Sandbox) -> None:
    event = paid_session_event(shop, start(UserFactory(), "standard").session_id)
    Package.objects.update(credits=1, price_minor=1, name="Other")

    assert deliver(event).status_code == 200
    assert (Entry.objects.get().amount, Purchase.objects.get().package_name) == (5000, "Standard Pack")


# --- The events that mean something -------------------------------------------------------------------------------


def test_a_checkout_of_nothing_needs_no_payment_and_is_credited(shop: Sandbox) -> None:
    """As the version before opened it for a free package."""
    PackageFactory(code="free", credits=25)
    session_id = start(UserFactory(), "free").session_id
    Purchase.objects.update(price_minor=0)
    shop.discount(session_id)
    event = paid_session_event(shop, session_id)
    assert event["data"]["object"]["payment_status"] == "no_payment_required"

    assert deliver(event).status_code == 200
    assert (Entry.objects.get().amount, Purchase.objects.get().paid_minor) == (25, 0)


@pytest.mark.parametrize(("currency", "minor"), [("jpy", 4500), ("kwd", 4500)])
def test_a_payment_in_a_currency_of_zero_or_three_decimals_is_compared_in_its_smallest_unit(
    shop: Sandbox, currency: str, minor: int
) -> None:
    PackageFactory(code="special", price_minor=minor, currency=currency)
    event = paid_session_event(shop, start(UserFactory(), "special").session_id)
    assert event["data"]["object"]["amount_total"] == minor

    assert deliver(event).status_code == 200
    assert (Entry.objects.count(), Purchase.objects.get().paid_minor) == (1, minor)


def test_an_unpaid_completion_waits_and_the_settlement_credits(shop: Sandbox) -> None:
    shop.hold_webhooks()
    started = start(UserFactory())
    shop.pay_later(started.session_id)
    assert deliver(last_event(shop, "checkout.session.completed")).status_code == 200
    assert (Purchase.objects.get().status, Entry.objects.count()) == ("processing", 0)

    shop.settle(started.session_id)
    assert deliver(last_event(shop, "checkout.session.async_payment_succeeded")).status_code == 200
    assert (Purchase.objects.get().status, Entry.objects.count()) == ("completed", 1)


def test_a_delayed_payment_that_fails_is_failed(shop: Sandbox) -> None:
    shop.hold_webhooks()
    started = start(UserFactory())
    shop.pay_later(started.session_id)
    shop.fail(started.session_id)

    assert deliver(last_event(shop, "checkout.session.async_payment_failed")).status_code == 200
    assert (Purchase.objects.get().status, Entry.objects.count()) == ("failed", 0)


def test_an_expired_session_expires_the_purchase(shop: Sandbox) -> None:
    shop.hold_webhooks()
    shop.expire(start(UserFactory()).session_id)

    assert deliver(last_event(shop, "checkout.session.expired")).status_code == 200
    assert Purchase.objects.get().status == "expired"


def test_a_declined_card_is_written_down_and_the_purchase_stays_open(shop: Sandbox) -> None:
    shop.hold_webhooks()
    started = start(UserFactory())
    shop.pay(started.session_id, "4000000000009995")

    assert deliver(last_event(shop, "payment_intent.payment_failed")).status_code == 200
    purchase = Purchase.objects.get()
    assert (purchase.status, purchase.failure_code) == ("pending", "insufficient_funds")
    assert purchase.events.get(what="payment_declined").detail["code"] == "insufficient_funds"


def test_the_payment_alone_credits_when_the_sessions_own_event_never_comes(shop: Sandbox) -> None:
    paid_session_event(shop, start(UserFactory()).session_id)

    assert deliver(last_event(shop, "payment_intent.succeeded")).status_code == 200
    assert Entry.objects.count() == 1


@pytest.mark.parametrize(
    "event_type",
    [f"{family}.{what}" for family in ("product", "price") for what in ("created", "updated", "deleted")],
)
def test_a_catalogue_event_is_applied_by_a_job_that_mirrors_it(event_type: str) -> None:
    assert deliver(made_up_event(event_type, {"id": "x_1", "object": "x"})).status_code == 200

    assert the_event().status == "applied"
    with connection.cursor() as cursor:
        cursor.execute("SELECT task_name, args ->> 'event_id' FROM procrastinate_jobs")
        assert cursor.fetchall() == [("billing.mirror_event", "evt_made_up")]
