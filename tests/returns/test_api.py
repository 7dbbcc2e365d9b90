"""Refunds over the API: by permission, by key, in the purchase's own currency."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission

from accounts.models import User
from billing.purchases.models import Purchase
from billing.refunds.models import Refund
from tests.billing.calling import API, browser_of
from tests.returns.selling import balance, buy, fresh, spend
from tests.support.builders import PackageFactory, UserFactory
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def staff() -> Any:
    """Somebody who may refund and nothing else."""
    member = UserFactory.create(is_staff=True)
    member.user_permissions.add(Permission.objects.get(codename="refund_purchase"))
    return member


def ask(who: Any, purchase: Purchase, key: str = "k", **order: Any) -> Any:
    return browser_of(who).post(
        f"{API}admin/purchases/{purchase.pk}/refunds",
        {"reason": "requested_by_customer", **order},
        content_type="application/json",
        headers={"Idempotency-Key": key} if key else {},
    )


def test_the_preview_says_what_the_refund_then_does(staff: Any, purchase: Purchase) -> None:
    spend(purchase, 4900)
    preview = browser_of(staff).get(f"{API}admin/purchases/{purchase.pk}/refund-preview?amount=2.50").json()
    assert (preview["amount"], preview["credits_left"], preview["refundable"]) == (2.5, 100, 45.0)
    assert (preview["credits_asked"], preview["credits_taken"], preview["credits_spent"]) == (
        277.77,
        100,
        177.77,
    )

    answer = ask(staff, purchase, amount="2.50", policy="cap")
    made = answer.json()
    assert (answer.status_code, made["status"], made["credits_taken"]) == (201, "succeeded", 100)
    assert (fresh(purchase).refunded_minor, balance(purchase)) == (250, 0)
    stored = Refund.objects.get()
    assert (stored.asked_by, stored.origin, stored.reason) == (staff.pk, "api", "requested_by_customer")


def test_without_an_amount_the_preview_takes_the_unspent_share(staff: Any, purchase: Purchase) -> None:
    spend(purchase, 4000)
    preview = browser_of(staff).get(f"{API}admin/purchases/{purchase.pk}/refund-preview").json()
    assert (preview["amount"], preview["credits_spent"]) == (9.0, 0)


def test_nobody_refunds_without_the_permission(purchase: Purchase) -> None:
    member = UserFactory.create(is_staff=True)
    assert ask(member, purchase, amount="1").status_code == 403
    assert ask(purchase.user, purchase, amount="1").status_code == 403
    assert not Refund.objects.exists()


def test_the_key_is_required_and_makes_a_repeat_one_refund(staff: Any, purchase: Purchase) -> None:
    assert ask(staff, purchase, key="", amount="1").json()["code"] == "invalid_idempotency_key"
    first, again = ask(staff, purchase, amount="1").json(), ask(staff, purchase, amount="1").json()
    assert first["id"] == again["id"]
    assert ask(staff, purchase, amount="2").json()["code"] == "idempotency_key_reused"
    assert fresh(purchase).refunded_minor == 100


@pytest.mark.parametrize(
    ("amount", "code"),
    [("0", "invalid_refund"), ("-1", "invalid_refund"), ("1.005", "invalid_refund"), ("45.01", "not_refundable"),
     ("NaN", "invalid_request"), ("1e30", "invalid_request")],
)  # fmt: skip
def test_an_amount_that_cannot_be_is_refused(staff: Any, purchase: Purchase, amount: str, code: str) -> None:
    assert ask(staff, purchase, amount=amount).json()["code"] == code
    assert not Refund.objects.exists()


def test_block_names_what_is_missing(staff: Any, purchase: Purchase) -> None:
    spend(purchase, 4900)
    answer = ask(staff, purchase, amount="45", policy="block")
    assert (answer.status_code, answer.json()["code"]) == (409, "credits_were_spent")
    assert "4,900" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("currency", "price_minor", "amount", "unspent"),
    [("isk", 6000, "1.50", 40.0), ("kwd", 15_550, "12.345", 10.37)],
)
def test_an_amount_finer_than_stripe_refunds_is_refused_and_never_proposed(
    staff: Any, sandbox: Sandbox, buyer: User, currency: str, price_minor: int, amount: str, unspent: float
) -> None:
    PackageFactory(code="fine", currency=currency, price_minor=price_minor, credits=1000)
    purchase = buy(sandbox, buyer, "fine")
    spend(purchase, 333)

    refused = ask(staff, purchase, amount=amount)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_refund")
    assert refused.json()["errors"][0]["attr"] == "amount"
    preview = browser_of(staff).get(f"{API}admin/purchases/{purchase.pk}/refund-preview").json()
    assert preview["amount"] == unspent
    assert ask(staff, purchase, amount=str(unspent)).json()["status"] == "succeeded"
