"""Money that comes back in another currency than it was paid in is converted by Stripe's own books, or by staff."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from billing.errors import InvalidRefund, NotRepairable
from billing.purchases.models import Purchase
from billing.refunds.claims import Reversal
from billing.refunds.models import Dispute, Refund
from billing.refunds.resolving import resolve_reversal
from tests.admin.pages import button_of, history_of, messages_after, page_of, read
from tests.billing.reporting import deliver, kinds, reconcile_now
from tests.returns.asking import refund, refund_in_dashboard
from tests.returns.owing import is_before_staff, what_happened_to
from tests.returns.selling import balance, charge_of, fresh
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

# A purchase is 5,000 credits for $45.00.
JPY_1500 = {"amount": 1500, "currency": "jpy"}


@pytest.fixture
def _balance_in_euro(sandbox: Sandbox) -> None:
    """The seller is paid out in another currency than the price's: Stripe names no amount in that."""
    sandbox.set_account(settlement_currency="eur", exchange_rates={"usd": 0.92, "jpy": 0.0062})


@pytest.fixture(params=["dispute", "refund"])
def unknown(
    request: pytest.FixtureRequest, _balance_in_euro: None, sandbox: Sandbox, purchase: Purchase
) -> Any:
    """JPY 1,500 of a payment in dollars: the `Dispute` or `Refund`, untyped."""
    return return_yen(sandbox, purchase, request.param)


def return_yen(sandbox: Sandbox, purchase: Purchase, kind: str) -> Reversal:
    if kind == "dispute":
        sandbox.dispute(charge_of(sandbox, purchase), **JPY_1500)
    else:
        sandbox.make_odd("refund", JPY_1500)
        refund_in_dashboard(purchase, 1000)
    assert set(deliver(sandbox)) == {200}
    model: type[Reversal] = Dispute if kind == "dispute" else Refund
    return model.objects.get()


def say(row: Reversal, minor: int) -> Reversal:
    return resolve_reversal(type(row), row.pk, minor, uuid4())


def counted(row: Reversal) -> tuple[int | None, str]:
    row.refresh_from_db()
    return row.counted_minor, row.counted_by


# --- Stripe says it


def test_a_dispute_in_euro_takes_the_share_that_left_the_balance_in_dollars(
    sandbox: Sandbox, purchase: Purchase
) -> None:
    sandbox.set_account(exchange_rates={"eur": 1.08})
    sandbox.dispute(charge_of(sandbox, purchase), amount=1000, currency="eur")
    deliver(sandbox)

    dispute = Dispute.objects.get()
    (moved,) = sandbox.objects("dispute")[0]["balance_transactions"]
    assert counted(dispute) == (1080, moved["id"])
    assert (str(dispute.amount), balance(purchase)) == ("€10.00", 3800)
    assert not is_before_staff(purchase)


def test_a_dispute_in_yen_that_has_a_rate_is_not_taken_for_cents(
    sandbox: Sandbox, purchase: Purchase
) -> None:
    sandbox.set_account(exchange_rates={"jpy": 0.6})
    sandbox.dispute(charge_of(sandbox, purchase), **JPY_1500)
    deliver(sandbox)

    assert (counted(Dispute.objects.get())[0], balance(purchase)) == (900, 4000)


def test_what_the_rate_makes_more_than_was_paid_takes_no_more_than_was_bought(
    sandbox: Sandbox, purchase: Purchase
) -> None:
    sandbox.set_account(exchange_rates={"eur": 1.08})
    sandbox.dispute(charge_of(sandbox, purchase), amount=4500, currency="eur")
    deliver(sandbox)

    assert (counted(Dispute.objects.get())[0], balance(purchase)) == (4860, 0)


@pytest.mark.usefixtures("_balance_in_euro")
def test_the_same_currency_counts_as_it_is_whatever_it_is_paid_out_in(
    sandbox: Sandbox, purchase: Purchase
) -> None:
    refund_in_dashboard(purchase, 900)
    sandbox.dispute(charge_of(sandbox, purchase), amount=900)
    deliver(sandbox)

    assert counted(Refund.objects.get()) == counted(Dispute.objects.get()) == (900, "")
    assert balance(purchase) == 3000
    assert not is_before_staff(purchase)


# --- Stripe doesn't say it


def test_without_a_rate_nothing_is_guessed_and_staff_are_asked(unknown: Any, purchase: Purchase) -> None:
    assert counted(unknown) == (None, "")
    assert balance(purchase) == 5000
    now = fresh(purchase)
    assert (now.attention, now.refunded_minor) == ("return_currency", 0)
    assert now.attention_detail == "¥1,500 was reversed for a payment in USD: enter the converted amount"


def test_once_staff_have_said_it_its_share_is_taken_and_nobody_is_asked_again(
    unknown: Any, sandbox: Sandbox, purchase: Purchase
) -> None:
    said = say(unknown, 900)

    assert (counted(said), balance(purchase)) == ((900, "staff"), 4000)
    assert not is_before_staff(purchase)
    assert "return_counted" in what_happened_to(purchase)
    sandbox.release_webhooks(replay=True)
    assert (reconcile_now().open, reconcile_now().repaired) == ([], [])
    assert (counted(said), balance(purchase)) == ((900, "staff"), 4000)
    assert not is_before_staff(purchase)


@pytest.mark.parametrize("minor", [-1, 4501])
def test_staff_can_say_no_less_than_nothing_and_no_more_than_was_paid(
    unknown: Any, purchase: Purchase, minor: int
) -> None:
    with pytest.raises(InvalidRefund, match=r"from 0 to \$45\.00"):
        say(unknown, minor)
    assert (counted(unknown), balance(purchase)) == ((None, ""), 5000)
    assert is_before_staff(purchase)


@pytest.mark.parametrize(("minor", "left"), [(0, 5000), (4500, 0)])
def test_staff_can_say_all_or_nothing(unknown: Any, purchase: Purchase, minor: int, left: int) -> None:
    say(unknown, minor)
    assert (counted(unknown), balance(purchase)) == ((minor, "staff"), left)
    assert not is_before_staff(purchase)


def test_what_is_known_nobody_says_again(unknown: Any, sandbox: Sandbox, purchase: Purchase) -> None:
    say(unknown, 900)
    with pytest.raises(NotRepairable):
        say(unknown, 0)
    with pytest.raises(NotRepairable):
        say(refund(purchase, 100), 0)
    assert counted(unknown) == (900, "staff")


@pytest.mark.usefixtures("_balance_in_euro")
def test_of_two_staff_are_asked_until_both_are_said(sandbox: Sandbox, purchase: Purchase) -> None:
    rows = [return_yen(sandbox, purchase, kind) for kind in ("refund", "dispute")]
    for row in rows:
        assert is_before_staff(purchase)
        say(row, 900)
    assert (balance(purchase), is_before_staff(purchase)) == (3000, False)


@pytest.mark.parametrize("kind", ["dispute", "refund"])
@pytest.mark.usefixtures("_balance_in_euro")
def test_what_moved_no_money_after_all_is_asked_about_no_longer(
    sandbox: Sandbox, purchase: Purchase, kind: str
) -> None:
    row: Any = return_yen(sandbox, purchase, kind)
    if kind == "dispute":
        sandbox.close_dispute(row.stripe_dispute_id, "won")
    else:
        sandbox.fail_refund(row.stripe_refund_id)
    deliver(sandbox)

    assert (balance(purchase), is_before_staff(purchase)) == (5000, False)


@pytest.mark.usefixtures("_balance_in_euro")
def test_an_inquiry_in_another_currency_asks_nobody(sandbox: Sandbox, purchase: Purchase) -> None:
    sandbox.dispute(charge_of(sandbox, purchase), inquiry=True, **JPY_1500)
    deliver(sandbox)
    assert (balance(purchase), is_before_staff(purchase)) == (5000, False)


def test_a_rate_that_stripe_names_later_answers_the_question(sandbox: Sandbox, purchase: Purchase) -> None:
    """No event of a refund shows what it moved in the balance; Stripe's list does."""
    sandbox.make_odd("refund", {"amount": 925, "currency": "eur"})
    refund_in_dashboard(purchase, 900)
    deliver(sandbox)
    assert is_before_staff(purchase)

    assert kinds(reconcile_now().repaired) == ["returned_not_settled"]
    assert (counted(Refund.objects.get())[0], balance(purchase)) == (900, 4000)
    assert not is_before_staff(purchase)


# --- Where staff say it


def test_the_button_takes_the_amount_and_remembers_who_said_it(
    as_superuser: Client, unknown: Any, purchase: Purchase
) -> None:
    button = button_of(unknown, "say_amount")
    assert button in read(as_superuser, page_of(unknown))
    assert page_of(unknown) in read(as_superuser, page_of(purchase))
    answer: Any = as_superuser.post(button, {"_form_submitted": "True", "amount": "9.00"})

    assert (answer.status_code, answer.url) == (302, page_of(unknown))
    assert messages_after(answer) == ["Amount set to $9.00."]
    assert history_of(unknown) == [("stella", "Entered the amount: $9.00")]
    assert (counted(unknown), balance(purchase)) == ((900, "staff"), 4000)
    assert button not in read(as_superuser, page_of(unknown))


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        ("-0.01", "Enter an amount from 0 to $45.00."),
        ("45.01", "Enter an amount from 0 to $45.00."),
        ("9.001", "USD amounts have at most 2 decimal places."),
    ],
)
def test_the_button_refuses_what_it_cannot_come_to(
    as_superuser: Client, unknown: Any, purchase: Purchase, amount: str, told: str
) -> None:
    answer = as_superuser.post(
        button_of(unknown, "say_amount"), {"_form_submitted": "True", "amount": amount}
    )
    assert messages_after(answer) == [told]
    assert (counted(unknown), balance(purchase)) == ((None, ""), 5000)
