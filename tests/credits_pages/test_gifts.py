"""Giving credits away: once per form, within the limits of a day, with a mail to both."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from credits.errors import (
    GiftLimitReached,
    InsufficientCredits,
    InvalidAmount,
    InvalidGift,
    KeyConflict,
    LedgerError,
    TooFresh,
    UnknownRecipient,
)
from credits.gifts import giving as gifts
from credits.gifts.mail import send_gift_mail
from credits.gifts.models import Gift
from credits.ledger import operations as ledger
from credits.ledger.models import Entry, Lot
from credits.ledger.selectors import get_balance
from credits.proof.checking import find_violations
from tests.billing.worker import run_worker
from tests.credits_pages.builders import book, past
from tests.support.builders import UserFactory
from tests.support.racing import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    user: User = UserFactory.create(username="ada")
    book(ledger.open_account(user), 1000)
    return user


@pytest.fixture
def grace() -> User:
    user: User = UserFactory.create(username="grace")
    return user


def give(sender: User, recipient: User, amount: str | int = 10, message: str = "", key: str = "k") -> Gift:
    return gifts.give(sender, recipient, Decimal(amount), message, key)


def credits_of(*users: User) -> list[Decimal]:
    return [get_balance(user).balance for user in users]


def test_a_gift_moves_credits_and_says_what_it_is(ada: User, grace: User) -> None:
    gift = give(ada, grace, "12.5", "Thanks")
    assert credits_of(ada, grace) == [Decimal("987.5"), Decimal("12.5")]
    entries = Entry.objects.filter(reference=f"gift:{gift.pk}").order_by("amount")
    assert [(entry.kind, entry.amount) for entry in entries] == [
        ("gift_sent", Decimal("-12.5")),
        ("gift_received", Decimal("12.5")),
    ]
    assert (gift.sender, gift.recipient, gift.message) == (ada, grace, "Thanks")
    assert list(find_violations()) == []


def test_the_message_stands_in_no_entry(ada: User, grace: User) -> None:
    give(ada, grace, message="From me to you")
    for entry in Entry.objects.all():
        assert "From me" not in f"{entry.reference} {entry.metadata} {entry.key}"


def test_what_is_given_keeps_its_kind_and_its_expiry(grace: User) -> None:
    ada = UserFactory.create()
    expires_at = timezone.now() + timedelta(days=3)
    book(ledger.open_account(ada), 20, kind=Entry.Kind.PROMOTION, expires_at=expires_at)
    give(ada, grace)
    lot = Lot.objects.get(account__owner=grace)
    assert (lot.amount, lot.promotional, lot.expires_at) == (10, True, expires_at)


def test_the_same_form_gives_once(ada: User, grace: User) -> None:
    assert give(ada, grace, key="form").pk == give(ada, grace, key="form").pk
    assert credits_of(ada, grace) == [990, 10]
    assert ProcrastinateJob.objects.filter(task_name="credits.send_gift_mail").count() == 2


@pytest.mark.parametrize("other", [{"amount": 11}, {"message": "Hi"}])
def test_the_same_form_with_something_else_is_a_conflict(ada: User, grace: User, other: Any) -> None:
    give(ada, grace, key="form")
    with pytest.raises(KeyConflict):
        give(ada, grace, **{"key": "form", **other})
    with pytest.raises(KeyConflict):
        give(ada, UserFactory.create(), key="form")
    assert credits_of(ada) == [990]


def test_a_gift_to_oneself_is_refused(ada: User) -> None:
    with pytest.raises(InvalidGift):
        give(ada, ada)
    with pytest.raises(InvalidGift):
        gifts.find_recipient(ada, ada.email.upper())


def test_more_than_there_is_is_refused_and_leaves_nothing(ada: User, grace: User) -> None:
    with pytest.raises(InsufficientCredits) as refused:
        give(ada, grace, "1000.000001")
    assert refused.value.params["missing"] == Decimal("0.000001")
    assert not Gift.objects.exists()
    assert not ProcrastinateJob.objects.filter(task_name="credits.send_gift_mail").exists()


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "Infinity", "1e30", "0.0000001"])
def test_what_is_no_amount_is_refused(ada: User, grace: User, amount: str) -> None:
    with pytest.raises(InvalidAmount):
        give(ada, grace, amount)
    assert not Gift.objects.exists()


@pytest.mark.parametrize("message", ["x" * 501, "a\x00b", "\ud800"])
def test_a_message_that_cant_be_kept_is_refused(ada: User, grace: User, message: str) -> None:
    with pytest.raises(InvalidGift):
        give(ada, grace, message=message)


def test_line_ends_of_a_message_are_of_one_kind(ada: User, grace: User) -> None:
    assert give(ada, grace, message=" one\r\ntwo\u2028three ").message == "one\ntwo\nthree"


# --- Recipients ------------------------------------------------------------------------------------------------------


def test_a_recipient_is_found_in_any_case(ada: User, grace: User) -> None:
    assert gifts.find_recipient(ada, f" {grace.email.upper()} ") == grace


def refused_recipients() -> list[str]:
    UserFactory.create(email="twice@example.com")
    UserFactory.create(email="Twice@example.com")
    UserFactory.create(email="off@example.com", is_active=False)
    return ["", "nobody@example.com", "twice@example.com", "off@example.com", "%@example.com", "\x00"]


def test_nobody_and_several_and_switched_off_look_the_same(ada: User) -> None:
    UserFactory.create(email="")
    said = set()
    for address in refused_recipients():
        with pytest.raises(UnknownRecipient) as refused:
            gifts.find_recipient(ada, address)
        said.add(refused.value.message)
    assert len(said) == 1


# --- Limits -----------------------------------------------------------------------------------------------------------


def test_no_more_than_the_days_credits_are_given(ada: User, grace: User, settings: Any) -> None:
    settings.GIFT_DAILY_LIMIT = Decimal(100)
    give(ada, grace, "99.5", key="a")
    with pytest.raises(GiftLimitReached) as refused:
        give(ada, grace, 1, key="b")
    assert refused.value.params["left"] == "0.500000"
    assert 86_000 < int(refused.value.headers["Retry-After"]) <= 86_400
    give(ada, grace, "0.5", key="c")


def test_no_more_than_the_days_gifts_are_given(ada: User, grace: User, settings: Any) -> None:
    settings.GIFT_DAILY_COUNT = 2
    for key in "ab":
        give(ada, grace, 1, key=key)
    with pytest.raises(GiftLimitReached):
        give(ada, grace, 1, key="c")
    assert give(ada, grace, 1, key="a").key == "a"  # the same again is no other gift


def test_what_was_bought_too_recently_is_not_given(ada: User, grace: User, settings: Any) -> None:
    """Promotional credits are no bought ones, and neither are those that were bought longer ago."""
    settings.GIFT_AFTER = timedelta(hours=24)
    account = ledger.open_account(ada)
    ledger.grant(account.pk, Decimal(50), kind=Entry.Kind.PURCHASE, key="now", cost=ledger.Cost(500, "usd"))
    told = "You can send 1,000 credits now.*24 hours"
    with pytest.raises(TooFresh, match=told):
        gifts.plan_gift(ada, grace.email, Decimal(1001), "")
    with pytest.raises(TooFresh, match=told):
        give(ada, grace, 1001)
    give(ada, grace, 1000)
    assert credits_of(ada, grace) == [50, 1000]


def test_what_was_given_a_day_ago_counts_no_more(ada: User, grace: User, settings: Any) -> None:
    settings.GIFT_DAILY_LIMIT, settings.GIFT_DAILY_COUNT = Decimal(100), 1
    give(ada, grace, 100, key="a")
    past("UPDATE credits_gift SET created_at = created_at - interval '23:59:00'")
    with pytest.raises(GiftLimitReached):
        give(ada, grace, 100, key="b")
    past("UPDATE credits_gift SET created_at = created_at - interval '1 minute'")
    give(ada, grace, 100, key="b")


def attempt(sender: User, recipient: User, key: str) -> str:
    try:
        give(sender, recipient, 60, key=key)
    except LedgerError as refused:
        return refused.code
    return "given"


@pytest.mark.django_db(transaction=True)
def test_gifts_at_once_never_pass_the_limit_together(ada: User, settings: Any) -> None:
    settings.GIFT_DAILY_LIMIT = Decimal(100)
    others = [UserFactory.create() for _ in range(4)]
    results = at_once(*[partial(attempt, ada, other, f"form {other.pk}") for other in others])
    assert sorted(results) == ["gift_limit_reached"] * 3 + ["given"]
    assert credits_of(ada) == [940]


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_gifts_at_once_do_pass_it(
    ada: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test above can fail: without the accounts' rows locked first, both look before either has given."""
    settings.GIFT_DAILY_LIMIT = Decimal(100)
    monkeypatch.setattr(gifts, "lock_accounts", lambda *accounts: None)
    looked = meeting_of(2)
    allowance_of = gifts.allowance_of
    monkeypatch.setattr(gifts, "allowance_of", lambda account: (allowance_of(account), looked())[0])
    results = at_once(*[partial(attempt, ada, UserFactory.create(), f"form {n}") for n in range(2)])
    assert results == ["given", "given"]


def meeting_of(people: int) -> Callable[[], int]:
    from threading import Barrier

    return Barrier(people, timeout=20).wait


@pytest.mark.django_db(transaction=True)
def test_two_forms_pressed_twice_at_once_give_once_each(ada: User, grace: User) -> None:
    calls = [partial(give, ada, grace, 5, "", key) for key in ("a", "b") for _ in range(4)]
    assert len({gift.pk for gift in at_once(*calls)}) == 2
    assert credits_of(ada, grace) == [990, 10]
    assert list(find_violations()) == []


@pytest.mark.django_db(transaction=True)
def test_gifts_that_cross_dont_wait_for_each_other(ada: User, grace: User) -> None:
    book(ledger.open_account(grace), 1000)
    pairs = [(ada, grace), (grace, ada)] * 4
    at_once(*[partial(give, *pair, 7, "", f"form {n}") for n, pair in enumerate(pairs)])
    assert credits_of(ada, grace) == [1000, 1000]


# --- Mails, erasure, the database's half ------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_both_get_one_mail(ada: User, grace: User) -> None:
    gift = give(ada, grace, 250, "Thank you\nfor <all>")
    run_worker()
    assert not send_gift_mail(gift.pk, "recipient")
    assert not send_gift_mail(gift.pk, "sender")
    by_address = {sent.to[0]: sent for sent in mail.outbox}
    assert (len(mail.outbox), set(by_address)) == (2, {ada.email, grace.email})
    received, sent = by_address[grace.email], by_address[ada.email]
    assert (received.subject, sent.subject) == ("You received 250 credits", "You sent 250 credits")
    assert f"{ada.email} sent you 250 credits" in received.body
    assert "Thank you\nfor <all>" in received.body
    html = str(received.alternatives[0][0])  # type: ignore[attr-defined]  # it is an EmailMultiAlternatives
    assert "Thank you<br>for &lt;all&gt;" in html
    assert f"You sent 250 credits to {grace.email}" in sent.body


@pytest.mark.django_db(transaction=True)
def test_two_jobs_at_once_send_one_mail(ada: User, grace: User) -> None:
    gift = give(ada, grace)
    sent = at_once(*[partial(send_gift_mail, gift.pk, "recipient")] * 4)
    assert (sorted(sent), len(mail.outbox)) == ([False, False, False, True], 1)


@pytest.mark.parametrize("erased", ["ada", "grace"])
def test_whoever_is_erased_takes_the_message_along(ada: User, grace: User, erased: str) -> None:
    gift = give(ada, grace, message="Secret")
    User.objects.get(username=erased).delete()
    gift.refresh_from_db()
    assert gift.message == ""
    assert gift.amount == 10
    assert list(find_violations()) == []
    for to in ("sender", "recipient"):
        send_gift_mail(gift.pk, to)
    assert len(mail.outbox) == 1


def test_the_database_refuses_what_is_no_gift(ada: User, grace: User) -> None:
    gift = give(ada, grace)
    refused: list[tuple[dict[str, Any], str]] = [
        ({"amount": 0}, "credits_gift_amount_positive"),
        ({"to_account": gift.from_account_id}, "credits_gift_to_somebody_else"),
    ]
    for change, constraint in refused:
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            Gift.objects.update(**change)
    with pytest.raises(IntegrityError, match="credits_gift_one_per_key"):
        Gift.objects.create(
            from_account_id=gift.from_account_id, to_account_id=gift.to_account_id, amount=1, key=gift.key
        )
