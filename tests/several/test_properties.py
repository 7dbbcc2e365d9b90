"""Whatever is put together, taken off, taxed and partly refunded: the credits left cost what was paid for them."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as how
from hypothesis import strategies as st

from billing.discounts.models import MultiBuy
from billing.packages.models import Package
from billing.purchases.models import Purchase
from billing.refunds.models import Refund
from billing.refunds.refunding import preview_refund
from billing.refunds.returned_tax import taxes_of
from credits.ledger.models import Lot
from tests.discounts.making import make_code, make_sale
from tests.returns.asking import refund
from tests.several.making import make_multi_buy, start_with_code
from tests.support.builders import UserFactory, put_on_sale
from tests.support.effort import effort
from tests.support.emptying import empty_tables
from tests.support.sandbox import Sandbox
from tests.tax.paying import prove

pytestmark = pytest.mark.django_db(transaction=True)


def cost_left() -> float:
    bought = Lot.objects.filter(promotional=False)
    return float(sum(lot.cost_minor * lot.remaining / lot.amount for lot in bought if lot.cost_minor))


@how(
    max_examples=effort(3, 100),
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(
    counts={"starter": 2, "standard": 1}, percents=(0, 0), free=True, bonus=200, taxed="usd", parts=[1000, 33]
)
@example(counts={"starter": 3, "pro": 4}, percents=(7, 33), free=True, bonus=0, taxed="eur", parts=[1, 7777])
@given(
    counts=st.dictionaries(st.sampled_from(["starter", "standard", "pro"]), st.integers(1, 4), min_size=1),
    percents=st.tuples(st.integers(0, 60), st.integers(0, 60)),
    free=st.booleans(),
    bonus=st.sampled_from([0, 200]),
    taxed=st.sampled_from(["", "eur", "usd"]),
    parts=st.lists(st.integers(1, 9999), max_size=3),
)
def test_the_credits_left_cost_net_paid_less_net_refunded(
    sandbox: Sandbox,
    settings: Any,
    counts: dict[str, int],
    percents: tuple[int, int],
    free: bool,
    bonus: int,
    taxed: str,
    parts: list[int],
) -> None:
    empty_tables()
    sandbox.post("/_sandbox/reset")
    settings.TAX, settings.TAX_INCLUSIVE_CURRENCIES = "stripe" if taxed else "off", ["eur"]
    put_on_sale()
    Package.objects.update(currency=taxed or "usd", bonus_credits=bonus)
    Package.objects.filter(code="starter").update(validity_days=30)
    sale, code = percents
    if sale:
        make_sale(sale)
    if code:
        make_code(percent=code, stackable=True)
    if free:
        make_multi_buy()
    started = start_with_code(UserFactory(), "SPRING-20" if code else "", **counts)
    sandbox.pay(started.session_id, country="DE")
    sandbox.wait_for_webhooks()
    purchase = Purchase.objects.get()
    net = purchase.paid.minor - purchase.tax_minor
    assert purchase.paid.minor == purchase.price_minor + (purchase.tax_minor if taxed == "usd" else 0)
    assert sum(lot.cost_minor or 0 for lot in Lot.objects.all()) == net
    gone = 0
    for part in [*parts, purchase.paid.minor]:
        amount = min(part, purchase.paid.minor - gone)
        if amount <= 0:
            break
        asked = {each.part.position: each.asked for each in preview_refund(purchase, amount).lots}
        before = (
            {lot.scheduled_grant.position: lot.remaining for lot in Lot.objects.all()}
            if len(asked) > 1
            else {}
        )
        refund(purchase, amount)
        gone += amount
        for position, left in before.items():
            lot = Lot.objects.get(scheduled_grant__position=position)
            assert left - lot.remaining == asked[position]
        purchase.refresh_from_db()
        back = sum(each.minor for each in taxes_of(list(Refund.objects.select_related("payment"))).values())
        assert abs(back * purchase.paid.minor - purchase.tax_minor * gone) * 2 <= purchase.paid.minor
        exact = net * (1 - gone / purchase.paid.minor)
        assert cost_left() == pytest.approx(
            exact, abs=0.01 if len(counts) == 1 else 1
        )  # the lots' costs are whole cents
    assert (purchase.status, back, cost_left()) == ("refunded", purchase.tax_minor, 0)
    assert {lot.remaining for lot in Lot.objects.all()} == {0}
    assert MultiBuy.objects.exists() is free
    prove()
