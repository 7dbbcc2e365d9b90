"""A refund returns money and claws back credits, together, once, and never more than was paid."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from billing.errors import (
    CreditsWereSpent,
    IdempotencyKeyReused,
    InvalidRefund,
    NotRefundable,
    RefundAboveLimit,
)
from billing.mail.reversals import send_refund_mail
from billing.purchases.models import Purchase
from billing.refunds.models import Refund
from billing.refunds.refunding import preview_refund
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry, Lot
from tests.billing.calling import browser_of
from tests.billing.reporting import deliver
from tests.credits.builders import hold, let_lot_expire
from tests.returns.asking import finance, refund, total_refunded
from tests.returns.selling import balance, buy, came, fresh, spend
from tests.support.builders import UserFactory, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Status = Purchase.Status
Policy = Refund.Policy


# --- From here


def test_a_whole_refund_takes_all_credits_back(sandbox: Sandbox, purchase: Purchase) -> None:
    made = refund(purchase, 4500)

    assert (made.status, came(made)) == ("succeeded", (5000, 0, 0, 0))
    assert total_refunded(sandbox) == 4500
    assert (fresh(purchase).status, fresh(purchase).refunded_minor, balance(purchase)) == (
        Status.REFUNDED,
        4500,
        0,
    )
    entry = Entry.objects.latest("id")
    assert (entry.kind, entry.amount, entry.reference) == ("refund", -5000, str(purchase.pk))
    assert entry.metadata["refund"] == str(made.pk)


def test_the_webhooks_of_our_own_refund_change_nothing_more(sandbox: Sandbox, purchase: Purchase) -> None:
    refund(purchase, 1000)
    before = Entry.objects.count()
    sandbox.release_webhooks(order="shuffle", seed=3, copies=3)

    assert (Entry.objects.count(), Refund.objects.count()) == (before, 1)
    assert fresh(purchase).status == Status.PARTIALLY_REFUNDED


def test_parts_take_back_exactly_the_whole(purchase: Purchase) -> None:
    # 5,000 credits for 4,500 cents: no part is a round number, and the last one ends at nothing.
    assert came(refund(purchase, 1))[0] == Decimal("1.111111")
    for minor in (1499, 1499, 1501):
        refund(purchase, minor)

    taken = sum(came(made)[0] for made in Refund.objects.all())
    assert (taken, balance(purchase), fresh(purchase).status) == (5000, 0, Status.REFUNDED)


def test_the_credits_come_out_of_the_purchases_own_lot(sandbox: Sandbox, purchase: Purchase) -> None:
    assert purchase.user is not None
    other = buy(sandbox, purchase.user)
    spend(purchase, 4000)  # of the older lot
    refund(other, 4500)

    lots = Lot.objects.filter(account=purchase.account_id).order_by("id")
    assert [lot.remaining for lot in lots] == [1000, 0]


def test_a_second_refund_never_gives_back_more_than_was_paid(sandbox: Sandbox, purchase: Purchase) -> None:
    refund(purchase, 3000)
    with pytest.raises(NotRefundable) as refused:
        refund(purchase, 1501)

    assert "$15.00" in refused.value.message
    assert (total_refunded(sandbox), fresh(purchase).refunded_minor) == (3000, 3000)


@pytest.mark.parametrize("amount", [0, -1])
def test_an_amount_of_nothing_is_refused(purchase: Purchase, amount: int) -> None:
    with pytest.raises(InvalidRefund):
        refund(purchase, amount)
    assert not Refund.objects.exists()


def test_a_refund_needs_a_reason(purchase: Purchase) -> None:
    with pytest.raises(InvalidRefund):
        refund(purchase, 100, note=" ", reason=Refund.Reason.OTHER)


def test_an_unpaid_purchase_cannot_be_refunded(purchase: Purchase) -> None:
    assert purchase.user is not None
    unpaid = Purchase.objects.get(stripe_session_id=start(purchase.user).session_id)
    with pytest.raises(NotRefundable):
        refund(unpaid, 100)


def test_two_equal_refunds_are_two_and_a_repeat_is_one(sandbox: Sandbox, purchase: Purchase) -> None:
    first = refund(purchase, 500, idempotency_key="click 1")
    again = refund(purchase, 500, idempotency_key="click 1")
    second = refund(purchase, 500, idempotency_key="click 2")

    assert first.pk == again.pk != second.pk
    assert total_refunded(sandbox) == fresh(purchase).refunded_minor == 1000
    with pytest.raises(IdempotencyKeyReused):
        refund(purchase, 501, idempotency_key="click 2")


@pytest.mark.parametrize(("amount", "code"), [(1000, "done"), (1001, "refund_above_limit")])
def test_staff_refund_up_to_their_limit_and_others_any_amount(
    purchase: Purchase, settings: Any, amount: int, code: str
) -> None:
    settings.REFUND_LIMIT = Decimal("10.009")
    clerk = UserFactory.create(is_staff=True)
    if code == "done":
        refund(purchase, amount, asked_by=clerk)
    else:
        with pytest.raises(RefundAboveLimit, match=r"refund limit is \$10.00 per 24 hours"):
            refund(purchase, amount, asked_by=clerk)
        clerk.user_permissions.add(Permission.objects.get(codename="refund_any_amount"))
        refund(purchase, amount, asked_by=User.objects.get(pk=clerk.pk))
    assert fresh(purchase).refunded_minor == amount


# --- Spent credits


def test_cap_takes_what_is_left_and_lets_the_rest_go(purchase: Purchase) -> None:
    spend(purchase, 4000)
    made = refund(purchase, 4500, policy=Policy.CAP)

    assert (came(made), balance(purchase)) == ((1000, 0, 0, 4000), 0)
    assert Account.objects.get(pk=purchase.account_id).debt == 0


def test_debt_makes_the_buyer_owe_and_the_next_purchase_repays_it(
    sandbox: Sandbox, purchase: Purchase
) -> None:
    spend(purchase, 4000)
    made = refund(purchase, 4500, policy=Policy.DEBT)
    assert (came(made), balance(purchase)) == ((1000, 0, 4000, 0), -4000)

    assert purchase.user is not None
    buy(sandbox, purchase.user)
    assert balance(purchase) == 1000


def test_credits_that_expired_are_waived_and_never_owed(purchase: Purchase) -> None:
    spend(purchase, 1500)
    let_lot_expire(Lot.objects.get().pk)
    assert ledger.expire_lots(purchase.account_id) == 1
    part = refund(purchase, 900, policy=Policy.DEBT)
    assert came(part) == (0, 0, 1000, 0)

    rest = refund(purchase, 3600, policy=Policy.DEBT)
    # Stripe counts in seconds: either of the two may be the first.
    assert [sum(both) for both in zip(came(part), came(rest), strict=True)] == [0, 0, 1500, 3500]
    assert (balance(purchase), Account.objects.get(pk=purchase.account_id).debt) == (-1500, 1500)


def test_block_refuses_and_changes_nothing(sandbox: Sandbox, purchase: Purchase) -> None:
    spend(purchase, 4000)
    with pytest.raises(CreditsWereSpent) as refused:
        refund(purchase, 4500, policy=Policy.BLOCK)

    assert refused.value.params["missing"] == "4000.000000"
    assert (total_refunded(sandbox), balance(purchase), Refund.objects.count()) == (0, 1000, 0)
    assert came(refund(purchase, 900, policy=Policy.BLOCK)) == (1000, 0, 0, 0)


def test_block_says_where_the_credits_went(purchase: Purchase) -> None:
    spend(purchase, 1000)
    ledger.spend(purchase.account_id, Decimal(500), key="staff", kind=Entry.Kind.ADJUSTMENT)
    hold(Account.objects.get(pk=purchase.account_id), 700)
    with pytest.raises(CreditsWereSpent) as refused:
        refund(purchase, 4500, policy=Policy.BLOCK)
    assert "2,200 of the credits to remove are no longer available" in refused.value.message
    assert "1,000 spent, 500 removed by staff, 700 on hold" in refused.value.message

    let_lot_expire(Lot.objects.get().pk)
    with pytest.raises(
        CreditsWereSpent, match=r"1,000 spent, 2,800 expired, 500 removed by staff, 700 on hold"
    ):
        refund(purchase, 4500, policy=Policy.BLOCK)


def test_the_preview_says_what_then_happens(purchase: Purchase) -> None:
    spend(purchase, 4000)
    unspent: Any = preview_refund(purchase)
    assert (unspent.amount.minor, unspent.credits_left) == (900, 1000)
    assert (unspent.credits_taken, unspent.credits_spent) == (1000, 0)
    whole: Any = preview_refund(purchase, 4500)
    assert (whole.credits_taken, whole.credits_spent) == (1000, 4000)

    assert came(refund(purchase, 4500)) == (1000, 0, 0, 4000)


def test_the_preview_tells_what_is_held_spent_and_lost_apart(purchase: Purchase) -> None:
    spend(purchase, 1000)
    hold(Account.objects.get(pk=purchase.account_id), 700)
    ledger.spend(purchase.account_id, Decimal(500), key="staff", kind=Entry.Kind.ADJUSTMENT)
    whole: Any = preview_refund(purchase, 4500)
    shown = (whole.credits_taken, whole.credits_pending, whole.credits_spent, whole.credits_lost)
    assert shown == (2800, 700, 1000, 500)
    assert came(refund(purchase, 4500, policy=Policy.DEBT)) == (2800, 700, 1000, 500)


def test_an_order_stays_what_it_was(purchase: Purchase) -> None:
    made = refund(purchase, 900)
    assert (made.amount_minor, made.note, made.asked_by) == (900, "Asked by mail.", finance().pk)


# --- What the buyer is told


def test_the_buyer_is_told_once_what_went_back(purchase: Purchase, mailoutbox: list[Any]) -> None:
    spend(purchase, 4900)
    made = refund(purchase, 900, policy=Policy.DEBT)
    (job,) = ProcrastinateJob.objects.filter(task_name="billing.send_refund_mail")
    assert job.args == {"refund_id": str(made.pk)}
    assert [send_refund_mail(made.pk), send_refund_mail(made.pk)] == [True, False]

    (mail,) = mailoutbox
    assert purchase.user is not None
    assert (mail.to, mail.subject) == ([purchase.user.email], "Your refund of $9.00")
    for body in (mail.body, mail.alternatives[0][0]):
        assert "$9.00 for your purchase of Standard" in body
        assert "We removed 100 credits; your balance is -900." in body.replace("−", "-")
        assert "900 of the refunded credits were already spent" in re.sub(r"\s+", " ", body)
        assert "/credits/history/" in body
    assert "Asked by mail." not in mail.body, "staff's own words"


def test_nobody_is_told_of_a_refund_that_failed(
    sandbox: Sandbox, purchase: Purchase, mailoutbox: list[Any]
) -> None:
    made = refund(purchase, 900)
    sandbox.fail_refund(made.stripe_refund_id)
    deliver(sandbox)
    assert not send_refund_mail(made.pk)
    assert mailoutbox == []


def test_the_statement_says_of_which_package(purchase: Purchase) -> None:
    refund(purchase, 900)
    assert Entry.objects.latest("id").metadata["package"] == "standard"
    assert purchase.package_name == "Standard Pack"
    page = browser_of(purchase.user).get("/credits/statement/").content.decode()
    assert (page.count("<span>Standard Pack</span>"), page.count("<span>standard</span>")) == (2, 0)
