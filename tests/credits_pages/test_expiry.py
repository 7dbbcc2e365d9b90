"""What time does: overdue holds end, expired lots are booked out, and people are told some days ahead."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.core import mail
from django.utils import timezone

from accounts.models import User
from credits.ledger import expiry
from credits.ledger import operations as ledger
from credits.ledger.expiry import book_out_expired_lots, end_overdue_holds
from credits.ledger.models import Account, Entry, Hold
from credits.notices.expiry_warnings import announce_expiry, find_expiring_lots
from credits.notices.models import ExpiryWarning
from credits.proof.checking import find_violations
from tests.billing.worker import run_worker, send_to_recipients
from tests.credits_pages.builders import BERLIN, at, book, lot_for, past
from tests.support.builders import UserFactory
from tests.support.racing import at_once

pytestmark = pytest.mark.django_db

A_DAY = timedelta(hours=24)


@pytest.fixture
def ada() -> User:
    user: User = UserFactory.create(username="ada", time_zone="Europe/Berlin")
    return user


@pytest.fixture
def account(ada: User) -> Account:
    return ledger.open_account(ada)


def test_expired_lots_are_booked_out_in_every_account() -> None:
    accounts = [ledger.open_account(UserFactory.create()) for _ in range(3)]
    for each in accounts:
        lot_for(each, -1)
        lot_for(each, 1)
    assert book_out_expired_lots() == 3
    assert book_out_expired_lots() == 0
    assert set(Account.objects.values_list("balance", flat=True)) == {10}
    assert Entry.objects.filter(kind="expiry").count() == 3
    assert list(find_violations()) == []


def test_more_accounts_than_one_look_finds_are_all_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "LOTS_AT_ONCE", 2)
    for _ in range(5):
        lot_for(ledger.open_account(UserFactory.create()), -1)
    assert book_out_expired_lots() == 5


def test_what_a_hold_has_pinned_stays_until_the_hold_ends(account: Account) -> None:
    lot_for(account, 0.00003)
    ledger.hold(account.pk, Decimal(10), key="h", expires_in=timedelta(seconds=3))
    past("UPDATE credits_lot SET expires_at = now() - interval '1 minute'")
    assert book_out_expired_lots() == 0
    past("UPDATE credits_hold SET expires_at = now() - interval '1 second'")
    assert end_overdue_holds() == 1
    assert Hold.objects.get().status == "expired"
    assert book_out_expired_lots() == 1
    assert list(find_violations()) == []


@pytest.mark.django_db(transaction=True)
def test_runs_at_once_book_out_each_lot_once(account: Account) -> None:
    for _ in range(4):
        lot_for(account, -1)
    assert sum(at_once(*[book_out_expired_lots] * 3)) == 4
    assert Entry.objects.filter(kind="expiry").count() == 4
    assert list(find_violations()) == []


def let_pass(time: timedelta) -> None:
    """What was mailed so far was mailed that much earlier."""
    past("UPDATE credits_expirywarning SET mailed_at = mailed_at - %s", [time])


def tell(account_id: UUID) -> bool:
    """Both steps of the email: deciding on it, and a job for each recipient."""
    told = announce_expiry(account_id)
    send_to_recipients()
    return told


# --- Told ahead -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "age", "told"),
    [(6.9, 100, True), (7.1, 100, False), (-0.1, 100, False), (6, 5, False), (4.9, 5, True), (0.4, 0, False)],
)
def test_which_lots_are_told_of(account: Account, days: float, age: int, told: bool) -> None:
    """Seven days ahead; a lot that lives for a few days when half of its life is over."""
    lot_for(account, days, age=age)
    assert find_expiring_lots() == int(told)


def test_how_many_days_ahead_is_a_setting(account: Account, settings: Any) -> None:
    lot_for(account, 20)
    assert find_expiring_lots() == 0
    settings.EXPIRY_WARNING_DAYS = 30
    assert find_expiring_lots() == 1


def test_a_lot_is_told_of_once(account: Account) -> None:
    lot_for(account, 5)
    lot_for(account, 6)
    assert (find_expiring_lots(), find_expiring_lots()) == (2, 0)
    assert (tell(account.pk), tell(account.pk)) == (True, False)
    let_pass(A_DAY)
    lot_for(account, 4)
    assert find_expiring_lots() == 1
    assert tell(account.pk)
    assert [sent.body.count("until") for sent in mail.outbox] == [2, 1]
    assert ExpiryWarning.objects.filter(mailed_at__isnull=False).count() == 3


def test_an_account_is_mailed_once_within_a_day_however_many_lots_come_due(account: Account) -> None:
    """A lot an hour, as a service gives them that rewards its users all day."""
    sent = []
    for _ in range(25):
        lot_for(account, 6.99)
        find_expiring_lots()
        sent.append(tell(account.pk))
        let_pass(timedelta(hours=1))
    assert sent == [True, *[False] * 23, True]
    assert mail.outbox[1].subject == "240 of your credits expire soon"  # none of them was forgotten


def test_a_mail_tells_also_of_what_comes_due_before_the_next(account: Account, settings: Any) -> None:
    """One day ahead, each would otherwise be told of when it is nearly gone."""
    settings.EXPIRY_WARNING_DAYS = 1
    lot_for(account, 0.9)
    lot_for(account, 1.9)
    lot_for(account, 2.1)
    assert find_expiring_lots() == 2
    assert tell(account.pk)
    assert mail.outbox[0].subject == "20 of your credits expire soon"


def test_what_comes_due_tomorrow_is_no_reason_for_a_mail(account: Account) -> None:
    lot_for(account, 7.5)
    assert find_expiring_lots() == 0


def test_another_accounts_mail_holds_nobody_up(account: Account) -> None:
    lot_for(account, 5)
    find_expiring_lots()
    tell(account.pk)
    other = ledger.open_account(UserFactory.create())
    lot_for(other, 5)
    assert find_expiring_lots() == 1
    assert tell(other.pk)


def test_lots_that_were_marked_while_a_mail_went_out_are_found_again(account: Account) -> None:
    early, late = lot_for(account, 5), lot_for(account, 4)
    ExpiryWarning.objects.create(lot_id=early, account=account, mailed_at=timezone.now())
    ExpiryWarning.objects.create(lot_id=late, account=account)
    assert not tell(account.pk)
    assert find_expiring_lots() == 0
    let_pass(A_DAY)
    assert find_expiring_lots() == 1
    assert tell(account.pk)


def test_a_mail_that_had_nothing_to_say_holds_up_none(account: Account) -> None:
    lot_for(account, 5)
    find_expiring_lots()
    book(account, -10)
    tell(account.pk)
    lot_for(account, 5)
    assert find_expiring_lots() == 1


def test_what_was_spent_meanwhile_is_not_told_of(account: Account) -> None:
    lot_for(account, 5)
    find_expiring_lots()
    book(account, -10)
    assert not tell(account.pk)
    assert mail.outbox == []


def test_the_mail_gives_the_instant_in_its_readers_zone(account: Account) -> None:
    lot = lot_for(account, 5)
    find_expiring_lots()
    past("UPDATE credits_lot SET expires_at = %s WHERE id = %s", [at("2036-07-01 12:00", BERLIN), lot])
    tell(account.pk)
    sent = mail.outbox[0]
    assert sent.subject == "10 of your credits expire soon"
    assert "10: until 1 Jul 2036, 12:00 CEST" in sent.body


@pytest.mark.django_db(transaction=True)
def test_runs_and_mails_at_once_tell_of_a_lot_once(account: Account) -> None:
    lot_for(account, 5)
    assert sorted(at_once(*[find_expiring_lots] * 4)) == [0, 0, 0, 1]
    sent = at_once(*[partial(announce_expiry, account.pk)] * 4)
    assert sorted(sent) == [False, False, False, True]
    run_worker()
    assert len(mail.outbox) == 1
