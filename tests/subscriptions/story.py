"""Take plans at the local Stripe, and let its time pass."""

from __future__ import annotations

from decimal import Decimal

from django.db import connection
from django.test import Client
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from billing.subscriptions.models import Subscription
from billing.subscriptions.subscribing import subscribe
from billing.subscriptions.syncing import sync_subscription
from credits.ledger.models import Account, Lot
from credits.ledger.operations import open_account
from tests.billing.worker import run_worker
from tests.support.sandbox import Sandbox

DAY_S = 86_400
DECLINES = "4000000000000341"
MINE = {"shown_for": "personal"}


def take_plan(
    sandbox: Sandbox, user: User, code: str = "plus", card: str = "4242424242424242"
) -> Subscription:
    """A plan that was paid for, and granted by what Stripe told."""
    started = subscribe(user, open_account(user), code)
    sandbox.pay(started.session_id, card)
    return told(sandbox, started.subscription)


def told(sandbox: Sandbox, subscription: Subscription) -> Subscription:
    """The subscription once all that Stripe told was applied and its jobs are done."""
    sandbox.wait_for_webhooks()
    work()
    return fresh(subscription)


def work() -> None:
    """Run all jobs but those that copy Stripe's objects for staff, which take long."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE task_name = 'billing.mirror_event' AND status = 'todo'"
        )
    run_worker()


def fresh(subscription: Subscription) -> Subscription:
    return Subscription.objects.prefetch_related("all_terms").get(pk=subscription.pk)


def renew(sandbox: Sandbox, subscription: Subscription) -> Subscription:
    sandbox.renew(str(subscription.stripe_subscription_id))
    return told(sandbox, subscription)


def lots(account: Account) -> list[Decimal]:
    """What each lot came as, oldest first."""
    return [lot.amount for lot in Lot.objects.filter(account=account).order_by("pk")]


def balance(account: Account) -> Decimal:
    account.refresh_from_db()
    return Decimal(account.balance)


def sync(subscription: Subscription) -> Subscription:
    return sync_subscription(subscription.pk)


def failed_jobs() -> list[str]:
    return list(
        ProcrastinateJob.objects.filter(attempts__gt=0)
        .exclude(status="succeeded")
        .values_list("task_name", flat=True)
    )


def press(client: Client, path: str, **fields: str) -> str:
    """What the billing page says after a button of the plan."""
    answer = client.post(f"/credits/billing/plan/{path}", {**MINE, **fields}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()
