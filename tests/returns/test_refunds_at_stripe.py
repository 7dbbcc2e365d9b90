"""What Stripe makes of a refund, and refunds made there: each is applied once, early, late or failed."""

from __future__ import annotations

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from billing.inbox.models import InboxEvent
from billing.purchases.models import Payment, Purchase
from billing.refunds.models import Refund
from billing.refunds.refunding import issue_refund, sync_refunds
from credits.ledger.models import Account, Lot
from tests.billing.reporting import deliver
from tests.returns.asking import refund, refund_in_dashboard, total_refunded
from tests.returns.selling import balance, buy, came, fresh, spend
from tests.support.builders import start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Status = Purchase.Status
Policy = Refund.Policy


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
    assert total_refunded(sandbox) == 1000
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
