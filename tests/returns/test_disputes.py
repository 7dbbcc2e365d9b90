"""A dispute freezes the purchase's credits, gives them back when it is won, and never takes what a refund took."""

from __future__ import annotations

from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from billing.inbox.models import InboxEvent
from billing.mail.reversals import tell_staff_of_dispute
from billing.purchases.models import Purchase
from billing.refunds.models import Dispute, Refund
from credits.ledger.models import Account, Entry
from tests.billing.reporting import deliver
from tests.returns.asking import refund, refund_in_dashboard
from tests.returns.selling import balance, came, charge_of, fresh, spend
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

Status = Purchase.Status


def dispute(sandbox: Sandbox, purchase: Purchase, **how: Any) -> str:
    """Its id at Stripe; nobody has told us yet."""
    sandbox.dispute(charge_of(sandbox, purchase), **how)
    return str(sandbox.objects("dispute")[-1]["id"])


def test_a_chargeback_freezes_what_is_left(sandbox: Sandbox, purchase: Purchase) -> None:
    spend(purchase, 2000)
    dispute(sandbox, purchase)
    deliver(sandbox)

    made = Dispute.objects.get()
    assert (made.status, made.purchase, came(made)) == ("needs_response", purchase, (3000, 0, 0, 2000))
    assert made.due_by is not None
    assert (balance(purchase), fresh(purchase).status) == (0, Status.DISPUTED)
    assert Entry.objects.latest("id").kind == "dispute"


def test_won_gives_it_all_back(sandbox: Sandbox, purchase: Purchase) -> None:
    spend(purchase, 2000)
    made = dispute(sandbox, purchase)
    deliver(sandbox)
    sandbox.close_dispute(made, "won")
    deliver(sandbox)

    assert (balance(purchase), fresh(purchase).status) == (3000, Status.COMPLETED)
    assert Dispute.objects.get().closed_at is not None


@pytest.mark.parametrize(("policy", "debt"), [("debt", 2000), ("cap", 0)])
def test_lost_takes_back_by_the_policy(
    sandbox: Sandbox, purchase: Purchase, settings: Any, policy: str, debt: int
) -> None:
    settings.DISPUTE_POLICY = policy
    spend(purchase, 2000)
    made = dispute(sandbox, purchase)
    deliver(sandbox)
    assert Account.objects.get(pk=purchase.account_id).debt == 0, "nothing is owed before it is lost"
    sandbox.close_dispute(made, "lost")
    deliver(sandbox)

    account = Account.objects.get(pk=purchase.account_id)
    assert (account.balance, account.debt, fresh(purchase).status) == (-debt, debt, Status.DISPUTED)


def test_an_inquiry_is_only_a_note(sandbox: Sandbox, purchase: Purchase) -> None:
    made = dispute(sandbox, purchase, inquiry=True)
    deliver(sandbox)
    assert (balance(purchase), fresh(purchase).status) == (5000, Status.COMPLETED)
    assert Dispute.objects.get().is_inquiry

    sandbox.escalate_dispute(made)
    deliver(sandbox)
    assert (balance(purchase), fresh(purchase).status) == (0, Status.DISPUTED)


def test_a_refund_before_the_dispute_is_not_taken_twice(sandbox: Sandbox, purchase: Purchase) -> None:
    refund(purchase, 1500)
    dispute(sandbox, purchase)  # over the whole payment, as banks do
    deliver(sandbox)

    assert came(Refund.objects.get())[0] + came(Dispute.objects.get())[0] == 5000
    assert balance(purchase) == 0


ENDS = ["won", "lost"]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_a_refund_and_a_dispute_ends_at_the_same_balance(
    sandbox: Sandbox, purchase: Purchase, end: str, seed: int
) -> None:
    spend(purchase, 1000)
    refund_in_dashboard(purchase, 900)
    made = dispute(sandbox, purchase)
    sandbox.close_dispute(made, end)
    sandbox.release_webhooks(order="shuffle", seed=seed, copies=2)

    account = Account.objects.get(pk=purchase.account_id)
    # Of 4,000 left the refund takes 1,000 for good. Lost, the rest goes too, and the 1,000 that were spent are owed.
    assert (account.balance, account.debt) == {"won": (3000, 0), "lost": (-1000, 1000)}[end]
    assert not InboxEvent.objects.filter(status="failed").exists()


def test_staff_are_told_once(
    sandbox: Sandbox, purchase: Purchase, settings: Any, mailoutbox: list[Any]
) -> None:
    settings.STAFF_EMAIL = "money@example.com"
    dispute(sandbox, purchase)
    sandbox.release_webhooks(copies=2)
    (job,) = ProcrastinateJob.objects.filter(task_name="billing.tell_staff_of_dispute")
    made = Dispute.objects.get()

    assert job.args == {"dispute_id": str(made.pk)}
    assert [tell_staff_of_dispute(made.pk), tell_staff_of_dispute(made.pk)] == [True, False]
    (mail,) = mailoutbox
    assert mail.to == ["money@example.com"]
    assert "$45.00" in mail.subject
    assert f"/admin/refunds/dispute/{made.pk}/change/" in mail.body
