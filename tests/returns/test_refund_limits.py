"""What staff refund without the permission for any amount is limited by the day and the currency, not by the act."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from billing.errors import RefundAboveLimit
from billing.purchases.log import Source, lock_purchase
from billing.purchases.models import Purchase, PurchaseEvent
from billing.refunds import limits as refund_limits
from billing.refunds.limits import allowance_of
from billing.refunds.models import Refund
from billing.refunds.refunding import close_refund
from tests.admin.pages import button_of, read
from tests.billing.calling import API, browser_of
from tests.credits_pages.builders import past
from tests.returns.asking import refund
from tests.returns.owing import held_back
from tests.returns.selling import buy
from tests.support.builders import UserFactory
from tests.support.racing import at_once
from tests.support.sandbox import Sandbox
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def limit(settings: Any) -> None:
    settings.REFUND_LIMIT = Decimal(10)


@pytest.fixture
def clerk() -> User:
    """Somebody who may refund up to the limit."""
    member: User = UserFactory.create(is_staff=True)
    member.user_permissions.add(*Permission.objects.filter(codename__in=["refund_purchase", "view_purchase"]))
    return member


def let_pass(time: timedelta) -> None:
    past("UPDATE refunds_refund SET created_at = created_at - %s", [time])


def refused(purchase: Purchase, amount: int, clerk: User) -> RefundAboveLimit:
    before = Refund.objects.count()
    with pytest.raises(RefundAboveLimit) as error:
        refund(purchase, amount, asked_by=clerk)
    assert Refund.objects.count() == before
    return error.value


def test_small_ones_dont_pass_what_one_may_not(
    sandbox: Sandbox, buyer: User, purchase: Purchase, clerk: User
) -> None:
    """Of one purchase or of several, whose ever they are."""
    refund(purchase, 600, asked_by=clerk)
    other = buy(sandbox, UserFactory.create())
    refund(other, 399, asked_by=clerk)
    refused(purchase, 2, clerk)
    refund(other, 1, asked_by=clerk)
    refused(purchase, 1, clerk)


def test_the_refusal_says_what_is_left_and_until_when(purchase: Purchase, clerk: User) -> None:
    first = refund(purchase, 600, asked_by=clerk)
    let_pass(timedelta(hours=3))
    error = refused(purchase, 500, clerk)
    until = timezone.now() + timedelta(hours=21)
    left = f"Your refund limit is $10.00 per 24 hours; you can refund $4.00 until {until.day} {until:%b}, "
    assert error.message.startswith(left)
    assert error.message.endswith("UTC. Ask someone with a higher limit.")
    assert error.params["left"] == 4
    assert abs(error.params["more_at"] - first.created_at - timedelta(hours=21)) < timedelta(seconds=5)


def test_the_api_says_it_to_programs(purchase: Purchase, clerk: User) -> None:
    refund(purchase, 600, asked_by=clerk)
    answer = browser_of(clerk).post(
        f"{API}admin/purchases/{purchase.pk}/refunds",
        {"amount": "4.01", "reason": "duplicate"},
        content_type="application/json",
        headers={"Idempotency-Key": "k"},
    )
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["left"]) == (403, "refund_above_limit", "4.00")
    assert problem["more_at"] > timezone.now().isoformat()


def test_after_a_day_it_is_all_there_again(purchase: Purchase, clerk: User) -> None:
    refund(purchase, 1000, asked_by=clerk)
    let_pass(timedelta(hours=23, minutes=59))
    refused(purchase, 1, clerk)
    let_pass(timedelta(minutes=1))
    refund(purchase, 1000, asked_by=clerk)


def come_to(refund: Refund, status: Refund.Status) -> None:
    with transaction.atomic():
        refund.payment.purchase = lock_purchase(refund.payment.purchase_id)
        refund.status = status
        refund.save()
        close_refund(refund, f"refund_{status}", Source(PurchaseEvent.Source.STAFF))


def test_what_failed_doesnt_count(purchase: Purchase, clerk: User) -> None:
    for status in (Refund.Status.FAILED, Refund.Status.CANCELED):
        made = refund(purchase, 1000, asked_by=clerk)
        refused(purchase, 1, clerk)
        come_to(made, status)
        assert allowance_of(clerk, "usd").left == 10  # type: ignore[union-attr]  # they have one


def test_each_currency_has_a_day_of_its_own(purchase: Purchase, clerk: User, settings: Any) -> None:
    settings.REFUND_LIMIT = Decimal("10.009")
    refund(purchase, 1000, asked_by=clerk)
    left = [allowance_of(clerk, currency).left for currency in ("usd", "eur", "jpy", "kwd")]  # type: ignore[union-attr]
    assert left == [0, 10, 10, Decimal("10.009")]


def test_another_member_of_staff_has_a_day_of_their_own(purchase: Purchase, clerk: User) -> None:
    refund(purchase, 1000, asked_by=clerk)
    other = UserFactory.create(is_staff=True)
    refund(purchase, 1000, asked_by=other)


def test_a_payment_that_was_not_accepted_counts_too(
    sandbox: Sandbox, purchase: Purchase, clerk: User, settings: Any
) -> None:
    settings.REFUND_LIMIT = Decimal(50)
    owed = held_back(sandbox, UserFactory.create())
    refund(owed, 4500, asked_by=clerk, payment_id=owed.payments.get().pk)
    refused(purchase, 501, clerk)
    refund(purchase, 500, asked_by=clerk)


def test_who_may_refund_any_amount_has_no_limit(purchase: Purchase, clerk: User) -> None:
    refund(purchase, 1000, asked_by=clerk)
    clerk.user_permissions.add(Permission.objects.get(codename="refund_any_amount"))
    clerk = User.objects.get(pk=clerk.pk)
    assert allowance_of(clerk, "usd") is None
    refund(purchase, 3500, asked_by=clerk)


def test_a_repeat_counts_once(purchase: Purchase, clerk: User) -> None:
    for _ in range(3):
        refund(purchase, 400, asked_by=clerk, idempotency_key="click")
    assert allowance_of(clerk, "usd").left == 6  # type: ignore[union-attr]


def test_both_dialogs_say_what_is_left_and_until_when(
    sandbox: Sandbox, purchase: Purchase, clerk: User
) -> None:
    owed, browser = held_back(sandbox, UserFactory.create()), sign_in(clerk)
    dialogs = [button_of(purchase, "refund"), button_of(owed, "refund_payment")]
    for dialog in dialogs:
        assert "Your refund limit is $10.00 per 24 hours." in read(browser, dialog)
    refund(purchase, 600, asked_by=clerk)
    until = timezone.now() + timedelta(days=1)
    for dialog in dialogs:
        told = f"24 hours; you can refund $4.00 until {until.day} {until:%b}, {until:%H}:"
        assert told in read(browser, dialog)
    boss = sign_in(UserFactory.create(is_staff=True, is_superuser=True))
    for dialog in dialogs:
        assert "within 24 hours" not in read(boss, dialog)


# --- At once ----------------------------------------------------------------------------------------------------------


def outcome_of(purchase: Purchase, clerk: User) -> str:
    try:
        refund(purchase, 600, asked_by=clerk)
    except RefundAboveLimit as error:
        return error.code
    return "done"


def test_two_at_once_dont_pass_it_together(sandbox: Sandbox, clerk: User) -> None:
    purchases = [buy(sandbox, UserFactory.create()) for _ in range(3)]
    outcomes = at_once(*[partial(outcome_of, purchase, clerk) for purchase in purchases])
    assert sorted(outcomes) == ["done", "refund_above_limit", "refund_above_limit"]


def test_without_taking_turns_two_at_once_pass_it_together(
    sandbox: Sandbox, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: both find all of it left."""
    met, look = Barrier(2, timeout=10), allowance_of

    def look_and_wait(member: User, currency: str) -> Any:
        found = look(member, currency)
        met.wait()
        return found

    monkeypatch.setattr(refund_limits, "take_turns", lambda name: None)
    monkeypatch.setattr(refund_limits, "allowance_of", look_and_wait)
    purchases = [buy(sandbox, UserFactory.create()) for _ in range(2)]
    assert at_once(*[partial(outcome_of, purchase, clerk) for purchase in purchases]) == ["done", "done"]
