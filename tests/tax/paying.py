"""Buy at a taxed checkout, and see what came of it."""

from __future__ import annotations

from io import StringIO
from typing import Any

from django.core.management import call_command

from accounts.models import User
from billing.purchases.models import Purchase
from billing.reporting.balance import unbalanced_currencies
from billing.reporting.daily_figures import bring_figures_up_to_date
from credits.ledger.models import Lot
from tests.billing.reporting import reconcile_now
from tests.support.builders import start
from tests.support.sandbox import Sandbox


def pay(
    sandbox: Sandbox, user: User, country: str = "DE", *, tax_id: str | None = None, **order: Any
) -> Purchase:
    started = start(user, **order)
    sandbox.pay(started.session_id, country=country, tax_id=tax_id)
    sandbox.wait_for_webhooks()
    return Purchase.objects.get(pk=started.purchase.pk)


def sums(purchase: Purchase) -> tuple[int, int, int, int | None]:
    """What was asked for, taken off by a promotion code, tax, and paid."""
    return purchase.price_minor, purchase.promotion_minor, purchase.tax_minor, purchase.paid_minor


def costs() -> list[int | None]:
    """What each lot cost, in the order they came."""
    return list(Lot.objects.order_by("pk").values_list("cost_minor", flat=True))


def prove() -> None:
    """Stripe, the books and the figures agree."""
    assert reconcile_now().open == []
    call_command("check_ledger", stdout=StringIO())
    bring_figures_up_to_date()
    assert list(unbalanced_currencies()) == []
    call_command("rebuild_figures", "--check", stdout=StringIO())
