"""Giving and taking credits in the admin: by those who may, once however often it is pressed, above a limit by two."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from credits.adjustments import adjusting as adjustments
from credits.adjustments.models import Adjustment
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry, Lot
from tests.admin.forms import ADJUST, APPROVE, DECLINE, adjust
from tests.admin.pages import (
    button_of,
    history_of,
    links_on,
    list_of,
    messages_after,
    page_of,
    press,
    read,
    rows_of,
)
from tests.admin.rows import make_adjustment
from tests.credits.builders import balance, funded
from tests.support.builders import UserFactory
from tests.support.signing_in import allow, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("limit")]
PERMISSIONS = {ADJUST: "adjust_credits", APPROVE: "approve_adjustment", DECLINE: "approve_adjustment"}
Status = Adjustment.Status


def test_the_history_reads_the_same_whoever_acted(
    as_superuser: Client, superuser: User, account: Account
) -> None:
    User.objects.filter(pk=superuser.pk).update(language="de")
    answer = adjust(as_superuser, account, "1234.5")
    assert "1.234,5" in messages_after(answer)[0]
    assert history_of(account) == [("stella", "Requested an adjustment of +1,234.5: A job that failed")]


# --- Ask ------------------------------------------------------------------------------------------------------------


def test_credits_are_given_at_once_with_reason_reference_and_end(
    as_superuser: Client, superuser: User, account: Account
) -> None:
    last_day = (datetime.now(UTC) + timedelta(days=9)).date()

    answer = adjust(
        as_superuser, account, "2.5", reference="T-7", last_day=last_day.isoformat(), promotional="on"
    )

    assert (answer.status_code, answer.url) == (302, page_of(account))
    assert messages_after(answer) == ["Adjusted by +2.5 credits."]
    adjustment = Adjustment.objects.get()
    assert (adjustment.status, adjustment.asked_by) == (Status.BOOKED, superuser)
    assert (adjustment.reason, adjustment.reference) == ("A job that failed", "T-7")
    lot = Lot.objects.latest("id")
    end = datetime.combine(last_day, datetime.max.time(), tzinfo=UTC)
    assert (lot.amount, lot.promotional, lot.expires_at) == (Decimal("2.5"), True, end)
    assert history_of(account) == [("stella", "Adjusted by +2.5: A job that failed")]
    assert balance(account) == Decimal("102.5")


def test_credits_are_taken(as_superuser: Client, account: Account) -> None:
    answer = adjust(as_superuser, account, "40", what="take")

    assert messages_after(answer) == ["Adjusted by -40 credits."]
    assert balance(account) == 60


def test_a_dialog_pressed_twice_books_once(as_superuser: Client, account: Account) -> None:
    key = str(uuid4())
    adjust(as_superuser, account, key=key)

    answer = adjust(as_superuser, account, key=key)

    assert messages_after(answer)[-1] == "Already requested; it won’t be applied twice."
    assert balance(account) == 105
    assert len(history_of(account)) == 1


def test_each_dialog_has_a_key_of_its_own(as_superuser: Client, account: Account) -> None:
    keys = set()
    for _ in range(2):
        form = as_superuser.get(button_of(account, ADJUST)).content.decode()
        keys.add(form.split('name="key" value="')[1].split('"')[0])
    assert len(keys) == 2


def test_looking_at_the_dialog_books_nothing(as_superuser: Client, account: Account) -> None:
    assert "Adjust credits" in read(as_superuser, button_of(account, ADJUST))
    assert not Adjustment.objects.exists()


def test_above_the_limit_it_waits_and_says_so(as_superuser: Client, account: Account) -> None:
    answer = adjust(as_superuser, account, "1000.5")

    waiting = Adjustment.objects.get()
    assert answer.url == page_of(waiting)
    assert messages_after(answer) == ["+1,000.5 credits are awaiting approval by a second person."]
    assert history_of(account) == [("stella", "Requested an adjustment of +1,000.5: A job that failed")]
    assert balance(account) == 100


def test_more_than_there_is_is_not_taken(as_superuser: Client, account: Account) -> None:
    answer = adjust(as_superuser, account, "101", what="take")

    assert messages_after(answer) == ["1 more credits are needed."]
    assert history_of(account) == [("stella", "Adjustment failed: insufficient_credits")]
    assert balance(account) == 100
    assert not Adjustment.objects.exists()


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"amount": "0"}, "Ensure this value is greater than or equal to 0.000001."),
        ({"amount": "-5"}, "Ensure this value is greater than or equal to 0.000001."),
        ({"amount": "many"}, "Enter a number such as 2.5, with a point for decimals."),
        ({"amount": "0.0000015"}, "The amount can have at most six decimal places."),
        ({"reason": "  "}, "This field is required."),
        ({"reference": "x" * 201}, "It can have at most 200 characters."),
        ({"last_day": "2020-01-01"}, "The expiry date must be in the future."),
        ({"last_day": "9999-12-31"}, "The expiry date must be within 100 years."),
        (
            {"what": "take", "promotional": "on"},
            "Only added credits can expire or be promotional.",
        ),
    ],
)
def test_a_dialog_says_what_is_wrong_and_books_nothing(
    as_superuser: Client, account: Account, fields: dict[str, str], complaint: str
) -> None:
    answer = adjust(as_superuser, account, **fields)

    assert answer.status_code == 200
    assert complaint in answer.content.decode()
    assert not Adjustment.objects.exists()


# --- Decide ---------------------------------------------------------------------------------------------------------


def test_a_second_person_books_what_waits(
    as_superuser: Client, superuser: User, account: Account, waiting: Adjustment
) -> None:
    answer = press(as_superuser, waiting, APPROVE)

    assert (answer.status_code, answer.url) == (302, page_of(waiting))
    assert messages_after(answer) == ["+5,000 credits: Applied."]
    waiting.refresh_from_db()
    assert (waiting.status, waiting.decided_by) == (Status.BOOKED, superuser)
    assert history_of(waiting) == [("stella", "Approved")]
    assert balance(account) == 5100


def test_what_is_declined_keeps_why(as_superuser: Client, account: Account, waiting: Adjustment) -> None:
    answer = press(as_superuser, waiting, DECLINE)

    assert messages_after(answer) == ["+5,000 credits: Declined."]
    assert history_of(waiting) == [("stella", "Declined: The job died")]
    assert balance(account) == 100


def test_what_is_approved_twice_is_booked_once(
    as_superuser: Client, account: Account, waiting: Adjustment
) -> None:
    press(as_superuser, waiting, APPROVE)

    answer = press(as_superuser, waiting, APPROVE)

    assert messages_after(answer)[-1] == "Already decided. Status: Applied."
    assert history_of(waiting)[1:] == [("stella", "Approve failed: adjustment_decided")]
    assert balance(account) == 5100


def test_who_asked_has_no_button_to_approve_and_is_refused(clerk: User, account: Account) -> None:
    client = allow(clerk, *PERMISSIONS.values())
    own = make_adjustment(account, "5000", asked_by=clerk)

    page = read(client, page_of(own))
    assert (button_of(own, APPROVE) in page, button_of(own, DECLINE) in page) == (False, True)
    answer = press(client, own, APPROVE)
    assert messages_after(answer) == ["You requested this adjustment; someone else has to approve it."]
    assert history_of(own) == [("carl", "Approve failed: second_person_needed")]
    assert balance(account) == 100


def test_what_cannot_be_taken_any_more_still_waits(as_superuser: Client) -> None:
    account = funded(5000)
    taking = make_adjustment(account, "-5000")
    ledger.spend(account.pk, Decimal(1), key="work")

    assert messages_after(press(as_superuser, taking, APPROVE)) == ["1 more credits are needed."]
    taking.refresh_from_db()
    assert taking.status == Status.WAITING


def test_what_was_decided_has_no_buttons(as_superuser: Client, waiting: Adjustment, clerk: User) -> None:
    assert button_of(waiting, APPROVE) in read(as_superuser, page_of(waiting))
    adjustments.decline(waiting.pk, clerk)
    page = read(as_superuser, page_of(waiting))
    assert button_of(waiting, APPROVE) not in page
    assert button_of(waiting, DECLINE) not in page


# --- All buttons ----------------------------------------------------------------------------------------------------


def row_of(button: str, account: Account) -> Any:
    return account if button == ADJUST else make_adjustment(account)


def push(client: Client, row: Any, button: str) -> Any:
    return adjust(client, row) if button == ADJUST else press(client, row, button)


@pytest.mark.parametrize(("button", "permission"), PERMISSIONS.items())
def test_a_button_is_for_those_with_its_permission(
    clerk: User, account: Account, button: str, permission: str
) -> None:
    row = row_of(button, account)
    others = allow(clerk, "change_account", "change_adjustment", *{*PERMISSIONS.values()} - {permission})
    assert button_of(row, button) not in read(others, page_of(row))
    assert push(others, row, button).status_code == 403
    assert history_of(row) == []

    allowed = allow(clerk, permission)
    assert button_of(row, button) in read(allowed, page_of(row))
    assert push(allowed, row, button).status_code == 302
    assert [who for who, _what in history_of(row)] == ["carl"]


@pytest.mark.parametrize("button", PERMISSIONS)
def test_a_button_without_csrfs_token_does_nothing(superuser: User, account: Account, button: str) -> None:
    row = row_of(button, account)
    before = Entry.objects.count()

    assert push(sign_in(superuser, enforce_csrf_checks=True), row, button).status_code == 403
    assert (history_of(row), Entry.objects.count()) == ([], before)


@pytest.mark.parametrize("button", [APPROVE, DECLINE])
def test_looking_at_a_dialog_decides_nothing(as_superuser: Client, waiting: Adjustment, button: str) -> None:
    assert "this adjustment?" in read(as_superuser, button_of(waiting, button))
    waiting.refresh_from_db()
    assert waiting.status == Status.WAITING


# --- The list -------------------------------------------------------------------------------------------------------


def test_those_that_wait_come_first_the_oldest_at_the_top(
    as_clerk: Client, account: Account, clerk: User
) -> None:
    first, second = make_adjustment(account), make_adjustment(account)
    declined = make_adjustment(account)
    adjustments.decline(declined.pk, clerk)
    booked = make_adjustment(account, "5")

    assert rows_of(as_clerk, list_of(Adjustment)) == [first, second]
    assert rows_of(as_clerk, list_of(Adjustment), state="all") == [booked, declined, second, first]
    assert rows_of(as_clerk, list_of(Adjustment), state="booked") == [booked]
    assert rows_of(as_clerk, list_of(Adjustment), state="declined") == [declined]
    assert rows_of(as_clerk, list_of(Adjustment), q=str(declined.pk)) == [declined]


def test_a_page_says_who_asked_who_decided_and_what_was_booked(
    as_superuser: Client, account: Account, waiting: Adjustment
) -> None:
    press(as_superuser, waiting, APPROVE)
    waiting.refresh_from_db()
    assert waiting.entry is not None
    assert waiting.asked_by is not None

    page = read(as_superuser, page_of(waiting))

    assert waiting.asked_by.username in page
    assert "stella" in page
    assert "A job that failed" in page
    assert page_of(waiting.entry) in links_on(as_superuser, page_of(waiting))
    assert page_of(waiting) in links_on(as_superuser, page_of(waiting.entry))


def test_an_entry_of_somebody_else_is_not_taken_for_an_adjustment(
    as_clerk: Client, account: Account, waiting: Adjustment
) -> None:
    """Services write their own metadata."""
    spent = ledger.spend(account.pk, Decimal(1), key="w", metadata={"adjustment": str(waiting.pk)})
    entry = Entry.objects.get(pk=spent.entry_id)
    assert page_of(waiting) not in links_on(as_clerk, page_of(entry))


def test_what_a_script_booked_says_so(as_clerk: Client, account: Account) -> None:
    terms = adjustments.Terms(Decimal(5000), "Spring", "spring-1")
    booked = adjustments.book(account.pk, terms).adjustment
    page = read(as_clerk, page_of(booked))
    assert "a script" in page
    assert "not needed" not in page


def test_who_asked_is_not_deleted(as_superuser: Client, waiting: Adjustment) -> None:
    asked_by = waiting.asked_by
    assert asked_by is not None
    as_superuser.post(page_of(asked_by, "delete"), {"post": "yes"})
    assert User.objects.filter(pk=asked_by.pk).exists()
    assert UserFactory.create().delete()[0]
