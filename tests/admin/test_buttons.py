"""Three buttons do something: only when pressed, only for whom may, and with their name in the history."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from billing.inbox.models import InboxEvent
from billing.purchases.models import Purchase, PurchaseEvent
from credits.ledger import operations as ledger
from credits.ledger.models import Entry, Hold
from tests.admin.pages import button_of, history_of, messages_after, page_of, press, read
from tests.admin.rows import Books, make_books, make_inbox_event, make_purchase
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox
from tests.support.signing_in import allow, sign_in

pytestmark = pytest.mark.django_db

RERUN, REAPPLY, RELEASE = "rerun", "reapply", "release"
PERMISSIONS = {RERUN: "rerun_fulfilment", REAPPLY: "reapply_event", RELEASE: "change_hold"}


@pytest.fixture
def paid_unheard(sandbox: Sandbox) -> Purchase:
    """Paid at Stripe, and we have not been told."""
    put_on_sale()
    sandbox.hold_webhooks()
    started = start(UserFactory.create())
    sandbox.pay(started.session_id)
    return started.purchase


@pytest.fixture
def failed_event(db: None) -> InboxEvent:
    """Stripe's word that a purchase was paid, which could not be applied when it came."""
    purchase = make_purchase()
    event = make_inbox_event(purchase, status="failed", note="OperationalError: gone")
    InboxEvent.objects.update(purchase=None)
    return event


# --- Re-check payment --------------------------------------------------------------------------------------------


def test_fulfilment_run_again_credits_what_was_paid(
    as_superuser: Client, superuser: User, paid_unheard: Purchase
) -> None:
    answer = press(as_superuser, paid_unheard, RERUN)

    assert (answer.status_code, answer.url) == (302, page_of(paid_unheard))
    paid_unheard.refresh_from_db()
    assert paid_unheard.status == Purchase.Status.COMPLETED
    assert Entry.objects.get().key == paid_unheard.grant_key
    assert messages_after(answer) == ["Done. Status: Completed."]
    assert history_of(paid_unheard) == [("stella", "Re-checked payment: completed")]
    by_staff = PurchaseEvent.objects.filter(purchase=paid_unheard, source="staff")
    assert [(event.what, event.actor_id) for event in by_staff] == [
        ("fulfilment_rerun", superuser.pk),
        ("credited", superuser.pk),
    ]


def test_fulfilment_run_twice_credits_once(as_superuser: Client, paid_unheard: Purchase) -> None:
    press(as_superuser, paid_unheard, RERUN)
    press(as_superuser, paid_unheard, RERUN)

    assert Entry.objects.count() == 1
    assert len(history_of(paid_unheard)) == 2


def test_a_payment_that_does_not_agree_is_not_called_done(
    as_superuser: Client, paid_unheard: Purchase
) -> None:
    Purchase.objects.update(price_minor=900)

    answer = press(as_superuser, paid_unheard, RERUN)

    assert messages_after(answer) == ["Not credited: Amount paid differs from the price."]
    assert not Entry.objects.exists()


def test_a_purchase_without_a_checkout_says_so(as_superuser: Client) -> None:
    purchase = make_purchase(stripe_session_id=None)

    answer = press(as_superuser, purchase, RERUN)

    assert messages_after(answer) == ["This purchase never got a Stripe checkout."]
    assert history_of(purchase) == [("stella", "Payment re-check failed: unknown_session")]


def test_looking_at_the_dialog_runs_nothing(
    sandbox: Sandbox, as_superuser: Client, paid_unheard: Purchase
) -> None:
    calls = len(sandbox.calls())

    assert "Re-check this payment?" in read(as_superuser, button_of(paid_unheard, RERUN))

    assert len(sandbox.calls()) == calls
    assert history_of(paid_unheard) == []


# --- Apply an event again --------------------------------------------------------------------------------------------


def test_a_failed_event_applied_again_has_its_effect(as_superuser: Client, failed_event: InboxEvent) -> None:
    answer = press(as_superuser, failed_event, REAPPLY)

    assert (answer.status_code, answer.url) == (302, page_of(failed_event))
    failed_event.refresh_from_db()
    assert failed_event.status == InboxEvent.Status.APPLIED
    assert failed_event.purchase is not None
    assert failed_event.purchase.status == Purchase.Status.COMPLETED
    assert messages_after(answer) == ["Done. Status: Processed."]
    assert history_of(failed_event) == [("stella", "Reprocessed: applied")]


def test_a_failed_event_applied_again_reaches_the_mirror_too(
    as_superuser: Client, failed_event: InboxEvent
) -> None:
    press(as_superuser, failed_event, REAPPLY)

    mirrored = ProcrastinateJob.objects.get(task_name="billing.mirror_event")
    assert mirrored.args == {"event_id": failed_event.pk}


def test_an_event_applied_twice_has_its_effect_once(as_superuser: Client, failed_event: InboxEvent) -> None:
    press(as_superuser, failed_event, REAPPLY)
    press(as_superuser, failed_event, REAPPLY)

    assert Entry.objects.count() == 1
    assert len(history_of(failed_event)) == 2


@pytest.mark.django_db(transaction=True)
def test_what_a_button_did_is_committed_before_the_answer(
    as_superuser: Client, failed_event: InboxEvent
) -> None:
    """The admin's own transaction is not around it: that one would take the noted failure back with it."""
    InboxEvent.objects.update(
        payload={**failed_event.payload, "data": {"object": {"object": "checkout.session"}}}
    )

    press(as_superuser, failed_event, REAPPLY)

    failed_event.refresh_from_db()
    assert (failed_event.status, failed_event.attempts) == (InboxEvent.Status.UNREADABLE, 2)
    assert failed_event.note.startswith("MalformedStripeObject: ")


def test_an_event_that_fails_again_says_why(as_superuser: Client, failed_event: InboxEvent) -> None:
    InboxEvent.objects.update(
        payload={**failed_event.payload, "data": {"object": {"object": "checkout.session"}}}
    )

    answer = press(as_superuser, failed_event, REAPPLY)

    assert messages_after(answer)[0].startswith("MalformedStripeObject: ")
    assert history_of(failed_event) == [("stella", "Reprocessing failed: MalformedStripeObject")]
    assert "MalformedStripeObject" in read(as_superuser, page_of(failed_event))


def test_looking_at_the_dialog_applies_nothing(as_superuser: Client, failed_event: InboxEvent) -> None:
    assert "Reprocess this event?" in read(as_superuser, button_of(failed_event, REAPPLY))

    failed_event.refresh_from_db()
    assert (failed_event.status, failed_event.attempts) == (InboxEvent.Status.FAILED, 1)
    assert history_of(failed_event) == []


# --- Release a hold --------------------------------------------------------------------------------------------------


def test_a_released_hold_gives_its_credits_back_and_keeps_the_reason(
    as_superuser: Client, books: Books
) -> None:
    answer = press(as_superuser, books.hold, RELEASE)

    assert (answer.status_code, answer.url) == (302, page_of(books.hold))
    books.hold.refresh_from_db()
    books.account.refresh_from_db()
    assert (books.hold.status, books.hold.remaining, books.account.held) == (Hold.Status.RELEASED, 0, 0)
    assert messages_after(answer) == ["Released: 20 credits are available again."]
    assert history_of(books.hold) == [("stella", "Released 20: The job died")]


def test_a_hold_is_not_released_without_a_reason(as_superuser: Client, books: Books) -> None:
    answer = as_superuser.post(button_of(books.hold, RELEASE), {"_form_submitted": "True", "reason": " "})

    assert "This field is required." in answer.content.decode()
    books.hold.refresh_from_db()
    assert books.hold.status == Hold.Status.OPEN


def test_a_hold_that_was_captured_meanwhile_says_so(as_superuser: Client, books: Books) -> None:
    ledger.capture(books.hold.account_id, books.hold.pk, Decimal(5), key="capture")

    answer = press(as_superuser, books.hold, RELEASE)

    assert messages_after(answer) == ["This hold is captured."]
    assert history_of(books.hold) == [("stella", "Release failed: hold_closed")]


def test_a_hold_released_twice_gives_back_once(as_superuser: Client, books: Books) -> None:
    press(as_superuser, books.hold, RELEASE)

    assert messages_after(press(as_superuser, books.hold, RELEASE))[-1] == "Nothing was held anymore."
    assert len(history_of(books.hold)) == 1


def test_a_closed_hold_has_no_button(as_superuser: Client, books: Books) -> None:
    assert button_of(books.hold, RELEASE) in read(as_superuser, page_of(books.hold))
    ledger.release(books.hold.account_id, books.hold.pk)
    assert button_of(books.hold, RELEASE) not in read(as_superuser, page_of(books.hold))


def test_looking_at_the_dialog_releases_nothing(as_superuser: Client, books: Books) -> None:
    assert "Release this hold?" in read(as_superuser, button_of(books.hold, RELEASE))

    books.hold.refresh_from_db()
    assert books.hold.status == Hold.Status.OPEN


# --- All of them -----------------------------------------------------------------------------------------------------


def row_of(button: str) -> Any:
    if button == RELEASE:
        return make_books().hold
    purchase = make_purchase(stripe_session_id=None if button == RERUN else "cs_test_1")
    return purchase if button == RERUN else make_inbox_event(purchase, status="failed")


@pytest.mark.parametrize("button", PERMISSIONS)
def test_a_button_without_csrfs_token_does_nothing(superuser: User, button: str) -> None:
    row = row_of(button)

    assert press(sign_in(superuser, enforce_csrf_checks=True), row, button).status_code == 403
    assert history_of(row) == []


@pytest.mark.parametrize(("button", "permission"), PERMISSIONS.items())
def test_a_button_is_for_those_with_its_permission(clerk: User, button: str, permission: str) -> None:
    row = row_of(button)
    address = button_of(row, button)
    without = sign_in(clerk)

    assert address not in read(without, page_of(row))
    assert without.get(address).status_code == 403
    assert press(without, row, button).status_code == 403
    assert history_of(row) == []

    allowed = allow(clerk, permission)
    assert address in read(allowed, page_of(row))
    assert press(allowed, row, button).status_code == 302
    assert [who for who, _what in history_of(row)] == ["carl"]


@pytest.mark.parametrize("button", PERMISSIONS)
def test_a_dialog_in_the_page_is_told_to_leave_it(as_superuser: Client, button: str) -> None:
    row = row_of(button)

    answer = press(as_superuser, row, button, HX_Request="true")

    assert (answer.status_code, answer.headers["HX-Redirect"]) == (200, page_of(row))


@pytest.mark.parametrize("button", PERMISSIONS)
def test_a_button_of_nothing_is_not_found(as_superuser: Client, button: str) -> None:
    row = row_of(button)
    nothing = type(row)(pk="00000000-0000-4000-8000-000000000000")

    assert press(as_superuser, nothing, button).status_code == 404
