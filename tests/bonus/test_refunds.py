"""A bonus goes back first, and bought credits by their share of the price."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from accounts.models import User
from billing.packages.models import Package
from billing.purchases.models import Payment, Purchase
from billing.refunds.claims import claim_of
from billing.refunds.models import Refund
from billing.refunds.refunding import preview_refund
from billing.reporting.balance import unbalanced_currencies
from billing.reporting.daily_figures import bring_figures_up_to_date
from credits.ledger import operations as ledger
from credits.ledger.models import Clawback, Lot
from credits.proof.checking import find_violations
from tests.billing.reporting import reconcile_now
from tests.credits.builders import no_triggers
from tests.returns.asking import refund
from tests.support.builders import start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def purchase(sandbox: Sandbox, ada: User) -> Purchase:
    sandbox.pay(start(ada).session_id)
    sandbox.wait_for_webhooks()
    return Purchase.objects.get()


def left() -> list[int]:
    """Of the credits bought, and of the bonus."""
    return [int(lot.remaining) for lot in Lot.objects.order_by("pk")]


def proven() -> None:
    """Stripe, the books and the figures agree."""
    assert reconcile_now().open == []
    call_command("check_ledger", stdout=StringIO())
    bring_figures_up_to_date()
    assert list(unbalanced_currencies()) == []


def spend(purchase: Purchase, amount: int) -> None:
    ledger.spend(purchase.account_id, Decimal(amount), key=f"work {amount}")


def claimed() -> dict[str, Decimal]:
    """By all refunds: of two in one second, Stripe's ids say which is the first."""
    names = ("amount", "taken", "pending", "owed", "waived")
    return {name: sum((getattr(each, name) for each in Clawback.objects.all()), Decimal(0)) for name in names}


def shown_and_done(purchase: Purchase, minor: int | None = None, **how: Any) -> tuple[int, int, int, int]:
    """Refund what is shown, and see that it happens: asked, taken, waived and owed."""
    shown: Any = preview_refund(Purchase.objects.get(pk=purchase.pk), minor)
    before = claimed()
    refund(purchase, shown.amount.minor, **how)
    came = {name: amount - before[name] for name, amount in claimed().items()}
    assert (came["amount"], came["taken"]) == (shown.credits_asked, shown.credits_taken)
    assert came["pending"] == shown.credits_pending
    assert came["owed"] + came["waived"] == shown.credits_spent + shown.credits_lost
    return int(came["amount"]), int(came["taken"]), int(came["waived"]), int(came["owed"])


def test_the_first_refund_takes_the_whole_bonus_and_its_share(sandbox: Sandbox, purchase: Purchase) -> None:
    assert left() == [1000, 200]
    assert shown_and_done(purchase, 100) == (300, 300, 0, 0)
    assert left() == [900, 0]
    proven()
    assert shown_and_done(purchase, 400) == (400, 400, 0, 0)
    proven()
    assert shown_and_done(purchase) == (500, 500, 0, 0)
    assert left() == [0, 0]
    assert Purchase.objects.get().status == "refunded"
    proven()


def test_a_spent_bonus_costs_its_buyer_nothing(sandbox: Sandbox, purchase: Purchase) -> None:
    spend(purchase, 200)  # the bonus expires first
    assert left() == [1000, 0]
    assert shown_and_done(purchase, policy=Refund.Policy.CAP) == (1200, 1000, 200, 0)
    purchase.refresh_from_db()
    assert (purchase.refunded_minor, left()) == (1000, [0, 0])
    proven()


def test_a_spent_bonus_is_billed_where_the_policy_says_so(sandbox: Sandbox, purchase: Purchase) -> None:
    spend(purchase, 700)
    assert preview_refund(purchase).amount.minor == 500
    # Half the price: the bonus is gone, and half of what was bought is there.
    assert shown_and_done(purchase, 250, policy=Refund.Policy.DEBT) == (450, 250, 0, 200)
    proven()


def test_an_unspent_bonus_is_worth_no_money(sandbox: Sandbox, ada: User) -> None:
    Package.objects.filter(code="starter").update(validity_days=7)  # so these go before the bonus
    sandbox.pay(start(ada).session_id)
    sandbox.wait_for_webhooks()
    purchase = Purchase.objects.get()
    spend(purchase, 900)
    assert left() == [100, 200]
    assert preview_refund(purchase).amount.minor == 100
    assert shown_and_done(purchase) == (300, 300, 0, 0)
    proven()


def test_a_bonus_comes_back_with_the_refund_that_took_it(sandbox: Sandbox, purchase: Purchase) -> None:
    for _number in range(2):
        refund(purchase, 300)
    sandbox.wait_for_webhooks()
    both = {int(claim_of(each).amount): each for each in Refund.objects.all()}
    assert sorted(both) == [300, 500]
    sandbox.fail_refund(str(both[500].stripe_refund_id))
    sandbox.wait_for_webhooks()
    # Now the other is the first.
    assert sorted(int(claim_of(each).amount) for each in both.values()) == [0, 500]
    assert left() == [700, 0]
    sandbox.fail_refund(str(both[300].stripe_refund_id))
    sandbox.wait_for_webhooks()
    assert left() == [1000, 200]
    proven()


def test_held_credits_of_the_bonus_are_taken_when_the_hold_ends(sandbox: Sandbox, purchase: Purchase) -> None:
    held = ledger.hold(purchase.account_id, Decimal(500), key="work", expires_in=timedelta(hours=1))
    assert preview_refund(purchase).amount.minor == 700
    shown: Any = preview_refund(purchase, 1000)
    assert (shown.credits_taken, shown.credits_pending, shown.credits_spent) == (700, 500, 0)
    assert shown_and_done(purchase, 100) == (300, 100, 0, 0)
    ledger.release(purchase.account_id, held.id)
    assert left() == [900, 0]
    proven()


@pytest.mark.parametrize(("end", "rest"), [("won", [1000, 200]), ("lost", [0, 0])])
def test_a_dispute_freezes_the_bonus_too(
    sandbox: Sandbox, purchase: Purchase, end: str, rest: list[int]
) -> None:
    dispute = sandbox.dispute(Payment.objects.get().stripe_charge_id)
    sandbox.wait_for_webhooks()
    assert left() == [0, 0]
    proven()
    sandbox.close_dispute(dispute["id"], end)
    sandbox.wait_for_webhooks()
    assert left() == rest
    proven()


@pytest.mark.parametrize(
    ("invariant", "statement"),
    [
        ("scheduled_grants_add_up", "UPDATE purchases_scheduledgrant SET credits = 150 WHERE is_bonus"),
        ("scheduled_grants_add_up", "UPDATE purchases_scheduledgrant SET is_bonus = false"),
        ("scheduled_grants_brought_their_lots", "UPDATE credits_lot SET promotional = false"),
        (
            "credits_live_from_their_arrival",
            "UPDATE credits_lot SET expires_at = created_at - interval '1 day' WHERE promotional",
        ),
        ("claims_are_what_went_back", "UPDATE credits_clawback SET amount = 20 WHERE amount = 200"),
        (
            "nobody_keeps_both_money_and_credits",
            "UPDATE credits_lot SET remaining = 1, exhausted = false WHERE promotional",
        ),
    ],
)
def test_a_broken_invariant_is_named(
    sandbox: Sandbox, purchase: Purchase, invariant: str, statement: str
) -> None:
    refund(purchase, 100)
    sandbox.wait_for_webhooks()
    with no_triggers(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert invariant in {violation.invariant for violation in find_violations()}
