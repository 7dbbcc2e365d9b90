"""How money goes back while credits are held, how a hold ends, and what the buyer has then."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.conf import settings as django_settings

from billing.purchases.models import Purchase
from credits.ledger import operations as ledger
from credits.ledger import selectors
from credits.ledger.holds import HeldCredits
from credits.ledger.models import Account, Clawback
from tests.billing.reporting import deliver
from tests.credits.builders import let_hold_run_out
from tests.returns.asking import refund, refund_in_dashboard
from tests.returns.selling import charge_of
from tests.support.sandbox import Sandbox

# --- How the money goes back. Each gives Stripe's id of what gave it back. ----------------------------------


def refund_here(sandbox: Sandbox, purchase: Purchase, minor: int = 4500) -> str:
    return str(refund(purchase, minor, policy=django_settings.REFUND_POLICY).stripe_refund_id)


def refund_at_stripe(sandbox: Sandbox, purchase: Purchase, minor: int = 4500) -> str:
    made = refund_in_dashboard(purchase, minor)
    deliver(sandbox)
    return made


def refund_unanswered(sandbox: Sandbox, purchase: Purchase) -> str:
    """Asked for here; Stripe's answer would settle it once more."""
    for _ in range(10):
        sandbox.fault(method="POST", path="/v1/refunds", status=None)
    refund(purchase, 4500)
    return ""


def charge_back(sandbox: Sandbox, purchase: Purchase, minor: int = 4500) -> str:
    made = sandbox.dispute(charge_of(sandbox, purchase), amount=minor)
    deliver(sandbox)
    return str(made["id"])


def charge_back_for_good(sandbox: Sandbox, purchase: Purchase, minor: int = 4500) -> str:
    made = charge_back(sandbox, purchase, minor)
    sandbox.close_dispute(made, "lost")
    deliver(sandbox)
    return made


GiveBack = Callable[..., str]


# --- How a hold ends. Each gives how many credits were captured. --------------------------------------------


def release(held: HeldCredits) -> int:
    ledger.release(held.account_id, held.id)
    return 0


def run_out(held: HeldCredits) -> int:
    let_hold_run_out(held)
    assert ledger.expire_holds() == 1
    return 0


def capture_a_part(held: HeldCredits) -> int:
    ledger.capture(held.account_id, held.id, Decimal(1500), key="work")
    return 1500


def capture_a_part_and_run_out(held: HeldCredits) -> int:
    ledger.capture(held.account_id, held.id, Decimal(1500), key="work", close=False)
    return 1500 + run_out(held)


def capture_all(held: HeldCredits) -> int:
    ledger.capture(held.account_id, held.id, held.amount, key="work")
    return int(held.amount)


End = Callable[[HeldCredits], int]


def account_of(purchase: Purchase) -> Account:
    return Account.objects.get(pk=purchase.account_id)


def claimed_back(purchase: Purchase) -> tuple[Any, ...]:
    """Of the credits claimed back: taken, pending, owed, waived."""
    row = Clawback.objects.get(account=purchase.account_id)
    return row.taken, row.pending, row.owed, row.waived


def available(purchase: Purchase) -> Any:
    """Untyped: it is compared with plain numbers."""
    return selectors.find_balance(purchase.account_id).available
