"""A discount code is reserved with the checkout, counts once it is paid, and is free again if it wasn't."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from io import StringIO
from threading import Barrier
from typing import Any

import pytest
from django.core.management import call_command
from django.db import close_old_connections, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from billing.currencies import SUPPORTED, smallest_step
from billing.discounts.codes import find_code, require_use_left
from billing.discounts.models import DiscountCode, DiscountUse
from billing.discounts.pricing import less_amount, less_percent
from billing.errors import CodeExpired, CodeMinimum, CodeNotForThis, CodeRefused, CodeUnknown, CodeUsedUp
from billing.money import Money
from billing.packages.models import Package
from billing.purchases.models import Purchase
from credits.ledger.models import Lot
from credits.proof.checking import find_violations
from tests.billing.reporting import reconcile_now
from tests.billing.syncing import at_stripe
from tests.discounts.making import HOUR, buy, make_amount, make_code, make_sale
from tests.receipts.papers import pending
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(sandbox: Sandbox) -> User:
    put_on_sale()
    user: User = UserFactory(email="ada@example.com")
    return user


def paid(sandbox: Sandbox, session_id: str) -> None:
    sandbox.pay(session_id)
    sandbox.wait_for_webhooks()


def counted(code: DiscountCode) -> int:
    """How many uses the code counts, proven."""
    assert [each.detail for each in find_violations()] == []
    return DiscountCode.objects.get(pk=code.pk).used


def test_a_code_lowers_the_price_and_with_it_the_cost_of_the_credits(sandbox: Sandbox, ada: User) -> None:
    make_code()
    started = buy(ada, " spring-20 ")
    purchase = started.purchase
    assert (purchase.price_minor, purchase.regular_price.minor, purchase.code_minor) == (800, 1000, 200)
    assert (purchase.discount_code, purchase.discount_percentage) == ("SPRING-20", Decimal(20))
    (session,) = sandbox.objects("checkout.session")
    assert session["amount_total"] == 800
    paid(sandbox, started.session_id)
    lot = Lot.objects.get()
    assert (lot.amount, lot.cost_minor) == (1000, 800)

    intent = str(Purchase.objects.get().stripe_payment_intent_id)
    at_stripe(sandbox, "refunds", payment_intent=intent, amount="200")
    sandbox.wait_for_webhooks()
    lot.refresh_from_db()
    assert lot.remaining == 750  # a quarter of what was paid
    call_command("check_ledger", stdout=StringIO())
    assert reconcile_now().open == []


def test_an_amount_is_taken_off_in_its_currency(sandbox: Sandbox, ada: User) -> None:
    make_amount(make_code(percent=None), 300)
    assert buy(ada).purchase.price_minor == 700


@pytest.mark.parametrize("what", ["unknown", "off", "ahead"])
def test_a_code_that_is_not_known_yet_or_any_more_is_unknown(ada: User, what: str) -> None:
    facts: dict[str, dict[str, Any]] = {
        "unknown": {"code": "OTHER"},
        "off": {"is_active": False},
        "ahead": {"starts_at": timezone.now() + HOUR},
    }
    make_code(**facts[what])
    with pytest.raises(CodeUnknown):
        buy(ada)
    assert not Purchase.objects.exists()


def test_a_code_ends(ada: User) -> None:
    make_code(ends_at=timezone.now() - HOUR)
    with pytest.raises(CodeExpired):
        buy(ada)


def test_a_code_may_be_for_some_packages_currencies_and_prices(ada: User) -> None:
    code = make_code(percent=None, once_per_buyer=False)
    make_amount(code, 500, currency="eur")
    with pytest.raises(CodeNotForThis):
        buy(ada)
    make_amount(code, 500, minimum=2000)
    with pytest.raises(CodeMinimum):
        buy(ada)
    assert buy(ada, package="standard").purchase.price_minor == 4000
    code.packages.add(Package.objects.get(code="starter"))
    with pytest.raises(CodeNotForThis):
        buy(ada, package="standard")


def test_too_little_to_charge_is_refused_and_nothing_at_all_needs_no_stripe(
    sandbox: Sandbox, ada: User
) -> None:
    code = make_code(percent=97, once_per_buyer=False)
    with pytest.raises(CodeMinimum):
        buy(ada)  # 30 cents
    DiscountCode.objects.filter(pk=code.pk).update(percent=100)
    purchase = buy(ada).purchase
    assert (purchase.status, purchase.price_minor, purchase.code_minor) == ("completed", 0, 1000)
    lot = Lot.objects.get()
    assert (lot.amount, lot.promotional, lot.cost_minor) == (1000, True, None)
    assert (sandbox.objects("checkout.session"), code.live_uses.count(), counted(code)) == ([], 1, 1)
    call_command("check_ledger", stdout=StringIO())


def test_a_use_counts_from_the_checkout_on_and_is_free_again_if_that_ends_unpaid(
    sandbox: Sandbox, ada: User
) -> None:
    code = make_code(max_uses=1)
    first = buy(ada)
    with pytest.raises(CodeUsedUp):
        buy(UserFactory())
    sandbox.expire(first.session_id)
    sandbox.wait_for_webhooks()
    second = buy(UserFactory())
    paid(sandbox, second.session_id)
    with pytest.raises(CodeUsedUp):
        buy(ada)
    assert (DiscountUse.objects.count(), code.live_uses.count(), counted(code)) == (2, 1, 1)


def test_a_full_refund_frees_a_code_and_a_dispute_does_not(sandbox: Sandbox, ada: User) -> None:
    code = make_code(max_uses=1)
    paid(sandbox, buy(ada).session_id)
    purchase = Purchase.objects.get()
    payment = purchase.payment
    assert payment is not None
    dispute = sandbox.dispute(payment.stripe_charge_id)
    sandbox.wait_for_webhooks()
    assert code.live_uses.count() == 1
    sandbox.close_dispute(dispute["id"], "won")
    at_stripe(sandbox, "refunds", payment_intent=str(purchase.stripe_payment_intent_id), amount="400")
    sandbox.wait_for_webhooks()
    assert code.live_uses.count() == 1
    at_stripe(sandbox, "refunds", payment_intent=str(purchase.stripe_payment_intent_id))
    sandbox.wait_for_webhooks()
    assert (code.live_uses.count(), counted(code)) == (0, 0)
    assert buy(ada).purchase.price_minor == 800
    assert counted(code) == 1


def test_a_code_is_once_per_buyer_and_says_where_an_open_checkout_is(sandbox: Sandbox, ada: User) -> None:
    make_code()
    first = buy(ada)
    with pytest.raises(CodeUsedUp, match="open checkout"):
        buy(ada)
    paid(sandbox, first.session_id)
    with pytest.raises(CodeUsedUp, match="already"):
        buy(ada)
    assert buy(UserFactory()).purchase.price_minor == 800


def test_a_code_for_a_first_purchase(sandbox: Sandbox, ada: User) -> None:
    make_code(first_purchase_only=True, once_per_buyer=False)
    bought = buy(ada, "")
    first = buy(ada)  # the other is open, not a purchase yet
    with pytest.raises(CodeUsedUp):
        buy(ada)  # two at once would both be the first
    sandbox.expire(first.session_id)
    paid(sandbox, bought.session_id)
    with pytest.raises(CodeNotForThis):
        buy(ada)


def test_the_last_use_has_one_winner_and_no_one_fails_otherwise(sandbox: Sandbox, ada: User) -> None:
    make_code(max_uses=3)
    buyers = UserFactory.create_batch(12)

    def order(buyer: User) -> str:
        try:
            return buy(buyer).purchase.discount_code
        except CodeRefused as error:
            return error.code
        finally:
            close_old_connections()

    with ThreadPoolExecutor(12) as pool:
        told = list(pool.map(order, buyers))
    assert sorted(told) == ["SPRING-20"] * 3 + ["code_used_up"] * 9
    assert (Purchase.objects.count(), counted(DiscountCode.objects.get())) == (3, 3)


def test_without_its_lock_the_last_use_would_have_two_winners(ada: User) -> None:
    """The control: who looks before the other has written finds a use left."""
    code = make_code(max_uses=1)
    both_looked = Barrier(2)

    def order_unlocked(buyer: User) -> None:
        try:
            with transaction.atomic():
                purchase = pending(buyer)
                require_use_left(find_code(code.code), buyer, purchase.account)
                both_looked.wait(timeout=20)
                DiscountUse.objects.create(purchase=purchase, discount_code=code)
        finally:
            close_old_connections()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(order_unlocked, UserFactory.create_batch(2)))
    assert counted(code) == 2


def test_a_repeat_with_the_same_key_uses_the_code_once(sandbox: Sandbox, ada: User) -> None:
    code = make_code()
    first, second = buy(ada, idempotency_key="a"), buy(ada, "spring-20", idempotency_key="a")
    assert first.purchase == second.purchase
    assert code.live_uses.count() == 1


def test_several_of_a_package_are_one_purchase(sandbox: Sandbox, ada: User) -> None:
    make_code()
    started = buy(ada, quantity=3)
    purchase = started.purchase
    assert (purchase.quantity, int(purchase.credits), purchase.regular_price.minor) == (3, 3000, 3000)
    assert (purchase.price_minor, purchase.package_name) == (2400, "3 × Starter Pack")
    paid(sandbox, started.session_id)
    assert Lot.objects.get().amount == 3000


def test_a_code_replaces_a_sale_if_it_is_better_and_stacks_if_it_may(ada: User) -> None:
    code = make_code(once_per_buyer=False)
    make_sale(10)
    assert [buy(ada, "").purchase.price_minor, buy(ada).purchase.price_minor] == [900, 800]
    last = Purchase.objects.latest("created_at")
    assert (last.sale_name, last.sale_minor, last.code_minor) == ("", 0, 200)
    DiscountCode.objects.filter(pk=code.pk).update(stackable=True)
    stacked = buy(ada).purchase
    assert (stacked.price_minor, stacked.sale_minor, stacked.code_minor) == (720, 100, 180)
    DiscountCode.objects.filter(pk=code.pk).update(stackable=False, percent=5)
    with pytest.raises(CodeNotForThis):
        buy(ada)


@given(st.integers(1, 10**8), st.decimals("0.01", 100, places=2), st.sampled_from(sorted(SUPPORTED)))
def test_what_is_left_is_what_stripe_can_charge_and_within_a_step(
    minor: int, percent: Decimal, currency: str
) -> None:
    step = smallest_step(currency)
    price = Money(minor * step, currency)
    left = less_percent(price, percent)
    exact = Decimal(price.minor) * (100 - percent) / 100
    assert (left.minor % step, abs(left.minor - exact) * 2 <= step, left.minor <= price.minor) == (
        0,
        True,
        True,
    )
    assert less_percent(price, Decimal(100)).minor == less_amount(price, price.minor + step).minor == 0
