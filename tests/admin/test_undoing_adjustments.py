"""Undoing an adjustment in the admin: the very credits, once, by those who may adjust."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import User
from credits.adjustments.models import Adjustment
from credits.ledger import operations as ledger
from credits.ledger.models import Account
from tests.admin.forms import APPROVE, UNDO
from tests.admin.pages import button_of, history_of, links_on, messages_after, page_of, press, read
from tests.admin.rows import make_adjustment
from tests.credits.builders import balance
from tests.support.signing_in import allow, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("limit")]

Status = Adjustment.Status


def undo(client: Client, adjustment: Adjustment, key: str = "") -> Any:
    """Fills in the dialog on the adjustment's page."""
    answers = {"_form_submitted": "True", "key": key or str(uuid4()), "reason": "It was the wrong account"}
    return client.post(button_of(adjustment, UNDO), answers)


def test_undoing_takes_back_the_very_credits_that_were_given(as_superuser: Client, account: Account) -> None:
    bought = account.lots.get()
    given = make_adjustment(account, "40")

    answer = undo(as_superuser, given)

    undone = Adjustment.objects.get(undoes=given)
    assert (answer.status_code, answer.url) == (302, page_of(undone))
    assert messages_after(answer) == ["Undone: -40 credits."]
    assert history_of(given) == [("stella", "Undone: It was the wrong account")]
    assert (undone.amount, undone.status, undone.reason) == (-40, Status.BOOKED, "It was the wrong account")
    assert page_of(given) in links_on(as_superuser, page_of(undone))
    assert list(account.lots.order_by("id").values_list("pk", "remaining")) == [
        (bought.pk, Decimal(100)),
        (account.lots.latest("id").pk, Decimal(0)),
    ]
    assert balance(account) == 100


def test_undoing_gives_back_to_the_very_lot_that_was_taken_from(
    as_superuser: Client, account: Account
) -> None:
    taken = make_adjustment(account, "-30")

    assert messages_after(undo(as_superuser, taken)) == ["Undone: +30 credits."]
    assert (account.lots.get().remaining, balance(account)) == (100, 100)


def test_an_adjustment_is_undone_once(as_superuser: Client, account: Account) -> None:
    given = make_adjustment(account, "40")
    assert button_of(given, UNDO) in read(as_superuser, page_of(given))
    undo(as_superuser, given)

    assert button_of(given, UNDO) not in read(as_superuser, page_of(given))
    answer = undo(as_superuser, given)
    assert messages_after(answer)[-1] == "This adjustment was already undone, or that was requested."
    assert history_of(given)[1:] == [("stella", "Undo failed: nothing_to_undo")]
    assert (Adjustment.objects.count(), balance(account)) == (2, 100)


def test_an_undo_pressed_twice_undoes_once_and_says_so_twice(as_superuser: Client, account: Account) -> None:
    given = make_adjustment(account, "40")

    answers = [undo(as_superuser, given, key="the same dialog") for _ in range(2)]

    assert messages_after(answers[1])[-1] == "Undone: -40 credits."
    assert history_of(given) == [("stella", "Undone: It was the wrong account")]
    assert (Adjustment.objects.count(), balance(account)) == (2, 100)


def test_what_was_given_and_spent_is_not_undone(as_superuser: Client, account: Account) -> None:
    given = make_adjustment(account, "40")
    ledger.spend(account.pk, Decimal(120), key="work")

    assert messages_after(undo(as_superuser, given)) == ["20 more credits are needed."]
    assert history_of(given) == [("stella", "Undo failed: insufficient_credits")]
    assert (Adjustment.objects.count(), balance(account)) == (1, 20)


def test_above_the_limit_an_undo_waits_for_a_second_person(
    as_superuser: Client, clerk: User, account: Account, waiting: Adjustment
) -> None:
    press(as_superuser, waiting, APPROVE)

    answer = undo(as_superuser, waiting)

    assert messages_after(answer)[-1] == "-5,000 credits are awaiting approval by a second person."
    undone = Adjustment.objects.get(undoes=waiting)
    assert (undone.status, balance(account)) == (Status.WAITING, 5100)
    press(allow(clerk, "approve_adjustment"), undone, APPROVE)
    assert balance(account) == 100


def test_what_waits_has_nothing_to_undo(as_superuser: Client, waiting: Adjustment) -> None:
    assert button_of(waiting, UNDO) not in read(as_superuser, page_of(waiting))
    answer = undo(as_superuser, waiting)
    assert messages_after(answer) == ["Only an applied adjustment can be undone."]


def test_undoing_is_for_those_who_may_adjust(clerk: User, account: Account) -> None:
    given = make_adjustment(account, "40")
    others = allow(clerk, "approve_adjustment", "change_adjustment")
    assert button_of(given, UNDO) not in read(others, page_of(given))
    assert undo(others, given).status_code == 403
    assert undo(sign_in(clerk, enforce_csrf_checks=True), given).status_code == 403

    assert undo(allow(clerk, "adjust_credits"), given).status_code == 302
    assert history_of(given) == [("carl", "Undone: It was the wrong account")]


def test_looking_at_the_dialog_undoes_nothing(as_superuser: Client, account: Account) -> None:
    given = make_adjustment(account, "40")
    assert "Undo this adjustment?" in read(as_superuser, button_of(given, UNDO))
    assert (Adjustment.objects.count(), balance(account)) == (1, 140)
