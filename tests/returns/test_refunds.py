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
from billing.inbox.models import InboxEvent
from billing.mail.reversals import send_refund_mail
from billing.purchases.models import Payment, Purchase
from billing.refunds.models import Refund
from billing.refunds.refunding import issue_refund, preview_refund, sync_refunds
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry, Lot
from tests.billing.calling import browser_of
from tests.billing.reporting import deliver
from tests.credits.builders import hold, let_lot_expire
from tests.returns.asking import finance, refund, refund_in_dashboard
from tests.returns.selling import balance, buy, came, fresh, spend
from tests.support.builders import UserFactory, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Status = Purchase.Status
Policy = Refund.Policy


def refunded_at_stripe(sandbox: Sandbox) -> int:
    return sum(r["amount"] for r in sandbox.objects("refund") if r["status"] in ("succeeded", "pending"))


# --- From here


def test_a_whole_refund_takes_all_credits_back(sandbox: Sandbox, purchase: Purchase) -> None:
    made = refund(purchase, 4500)

    assert (made.status, came(made)) == ("succeeded", (5000, 0, 0, 0))
    assert refunded_at_stripe(sandbox) == 4500
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
    assert (refunded_at_stripe(sandbox), fresh(purchase).refunded_minor) == (3000, 3000)


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
    assert refunded_at_stripe(sandbox) == fresh(purchase).refunded_minor == 1000
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
    assert (refunded_at_stripe(sandbox), balance(purchase), Refund.objects.count()) == (0, 1000, 0)
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


# --- Stripe's answers


def test_a_refusal_of_stripes_gives_the_credits_back(sandbox: Sandbox, purchase: Purchase) -> None:
    refund_in_dashboard(purchase, 4500)  # and nobody has told us yet
    made = refund(purchase, 4500)

    assert (made.status, made.failure_reason) == ("failed", "charge_already_refunded")
    assert (balance(purchase), fresh(purchase).status) == (5000, Status.COMPLETED)
    deliver(sandbox)
    assert (balance(purchase), fresh(purchase).status) == (0, Status.REFUNDED)


def test_a_lost_answer_is_found_by_the_job_and_refunds_once(sandbox: Sandbox, purchase: Purchase) -> None:
    for _ in range(5):
        sandbox.fault(method="POST", path="/v1/refunds", status=None, after=True)
    made = refund(purchase, 1000)
    assert made.status == "requested"
    (job,) = ProcrastinateJob.objects.filter(task_name="billing.issue_refund")
    assert job.args == {"refund_id": str(made.pk)}
    assert balance(purchase) < 5000, "set aside from the click on"

    sandbox.delete("/_sandbox/faults")
    again = issue_refund(made.pk, look_first=True)
    assert again.status == "succeeded"
    assert refunded_at_stripe(sandbox) == 1000
    assert issue_refund(made.pk).stripe_refund_id == again.stripe_refund_id


def test_an_unanswered_refund_gives_way_to_one_that_stripe_made_meanwhile(
    sandbox: Sandbox, purchase: Purchase
) -> None:
    for _ in range(5):
        sandbox.fault(method="POST", path="/v1/refunds", status=None)
    made = refund(purchase, 3500)
    sandbox.delete("/_sandbox/faults")
    refund_in_dashboard(purchase, 1800)
    assert set(deliver(sandbox)) == {200}
    assert fresh(purchase).refunded_minor == 4500, "no more than was paid, whatever is asked for"

    assert issue_refund(made.pk).status == "failed"
    assert (fresh(purchase).refunded_minor, balance(purchase)) == (1800, 3000)


def test_a_refund_that_fails_later_gives_its_credits_back_to_their_lot(
    sandbox: Sandbox, purchase: Purchase
) -> None:
    made = refund(purchase, 900)
    assert made.stripe_refund_id is not None
    sandbox.fail_refund(made.stripe_refund_id)
    deliver(sandbox)

    made.refresh_from_db()
    assert (made.status, came(made)) == ("failed", (0, 0, 0, 0))
    assert (balance(purchase), Lot.objects.get().remaining) == (5000, 5000)
    assert (fresh(purchase).status, fresh(purchase).refunded_minor) == (Status.COMPLETED, 0)


def test_a_failed_refund_lets_its_debt_off_and_gives_back_what_was_repaid(
    sandbox: Sandbox, purchase: Purchase
) -> None:
    spend(purchase, 5000)
    made = refund(purchase, 4500, policy=Policy.DEBT)
    assert purchase.user is not None
    assert made.stripe_refund_id is not None
    buy(sandbox, purchase.user, "starter")  # 1,000 credits, which repay
    assert balance(purchase) == -4000
    sandbox.fail_refund(made.stripe_refund_id)
    deliver(sandbox)

    account = Account.objects.get(pk=purchase.account_id)
    assert (account.balance, account.debt) == (1000, 0)


# --- Made at Stripe


@pytest.mark.parametrize("seed", range(4))
def test_a_refund_made_at_stripe_is_applied_once_in_any_order(
    sandbox: Sandbox, purchase: Purchase, seed: int
) -> None:
    refund_in_dashboard(purchase, 900)
    sandbox.release_webhooks(order="shuffle", seed=seed, copies=2)

    (made,) = Refund.objects.all()
    assert (made.origin, made.status, came(made)) == ("stripe", "succeeded", (1000, 0, 0, 0))
    assert (balance(purchase), fresh(purchase).status) == (4000, Status.PARTIALLY_REFUNDED)


def test_a_refund_reported_before_its_payment_is_settled_with_it(
    sandbox: Sandbox, purchase: Purchase
) -> None:
    assert purchase.user is not None
    started = start(purchase.user, "standard")
    sandbox.pay(started.session_id)
    refund_in_dashboard(str(sandbox.objects("payment_intent")[-1]["id"]), 4500)
    sandbox.release_webhooks(types=["refund.created", "refund.updated", "charge.refunded"])
    assert not Refund.objects.exists()
    waiting = InboxEvent.objects.filter(status=InboxEvent.Status.UNMATCHED)
    assert waiting.exists()

    deliver(sandbox)
    bought = Purchase.objects.get(stripe_session_id=started.session_id)
    assert (bought.status, balance(bought)) == (Status.REFUNDED, 5000)
    early_one = Refund.objects.get()
    assert came(early_one) == (5000, 0, 0, 0)
    assert not waiting.exists()
    (job,) = ProcrastinateJob.objects.filter(task_name="billing.send_refund_mail")
    assert job.args["refund_id"] == str(early_one.pk)


def test_a_refund_of_a_payment_that_is_still_under_way_is_settled_with_its_credit(
    sandbox: Sandbox, purchase: Purchase
) -> None:
    """Its payment is known, and not yet paid: of what stands then, credits are taken when they come."""
    assert purchase.user is not None
    started = start(purchase.user, "standard")
    sandbox.pay_later(started.session_id)
    sandbox.release_webhooks(types=["payment_intent.processing", "checkout.session.completed"])
    assert Payment.objects.filter(state="processing").exists()
    sandbox.settle(started.session_id)
    refund_in_dashboard(str(sandbox.objects("payment_intent")[-1]["id"]), 4500)
    sandbox.release_webhooks(types=["refund.created", "refund.updated", "charge.refunded"])
    assert Refund.objects.exists()

    deliver(sandbox)
    bought = Purchase.objects.get(stripe_session_id=started.session_id)
    assert (bought.status, balance(bought)) == (Status.REFUNDED, 5000)
    assert came(Refund.objects.get()) == (5000, 0, 0, 0)


def test_charge_refunded_alone_is_enough(sandbox: Sandbox, purchase: Purchase) -> None:

    refund_in_dashboard(purchase, 4500)
    sandbox.release_webhooks(types=["charge.refunded"])
    (job,) = ProcrastinateJob.objects.filter(task_name="billing.sync_refunds")
    sync_refunds(**job.args)

    assert (fresh(purchase).status, balance(purchase)) == (Status.REFUNDED, 0)


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
