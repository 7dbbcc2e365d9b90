"""The sandbox taxes checkouts by its table, and takes promotion codes on its page."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import create_session
from tests.support.sandbox import Refused, Sandbox

TAXED: Any = {"automatic_tax": {"enabled": True}}


def line(behavior: str = "exclusive", amount: int = 1000) -> list[Any]:
    data = {
        "currency": "eur",
        "unit_amount": amount,
        "product_data": {"name": "Pack"},
        "tax_behavior": behavior,
    }
    return [{"price_data": data, "quantity": 1}]


@pytest.mark.parametrize(
    ("behavior", "buyer", "tax", "total", "reason"),
    [
        ("exclusive", {"country": "DE"}, 190, 1190, "standard_rated"),
        ("inclusive", {"country": "DE"}, 160, 1000, "standard_rated"),
        ("exclusive", {"country": "US", "state": "CA"}, 83, 1083, "standard_rated"),
        ("exclusive", {"country": "US"}, 0, 1000, "not_collecting"),
        ("exclusive", {"country": "FR", "tax_id": "FR123"}, 0, 1000, "reverse_charge"),
        ("exclusive", {"country": "DE", "tax_id": "DE123"}, 190, 1190, "standard_rated"),
        ("exclusive", {"country": "GB", "tax_id": "GB123"}, 200, 1200, "standard_rated"),
    ],
)
def test_a_session_is_taxed_where_its_buyer_is(
    sandbox: Sandbox,
    client: stripe.StripeClient,
    behavior: str,
    buyer: dict[str, str],
    tax: int,
    total: int,
    reason: str,
) -> None:
    made = create_session(client, line_items=line(behavior), **TAXED)
    assert made.automatic_tax.status == "requires_location_inputs"
    with pytest.raises(Refused, match="address"):
        sandbox.pay(made.id)
    paid = sandbox.pay(made.id, **buyer)
    session = client.v1.checkout.sessions.retrieve(made.id, {"expand": ["total_details.breakdown"]})
    assert session.total_details is not None
    assert session.total_details.breakdown is not None
    assert (session.amount_subtotal, session.total_details.amount_tax, session.amount_total) == (
        1000,
        tax,
        total,
    )
    assert [each.taxability_reason for each in session.total_details.breakdown.taxes] == [reason]
    assert paid["payment_intent"]["amount_received"] == total
    assert "breakdown" not in paid["session"]["total_details"]


def test_a_customer_without_an_address_needs_one_to_be_saved(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"}).id
    with pytest.raises(stripe.InvalidRequestError) as refused:
        create_session(client, line_items=line(), customer=customer, **TAXED)
    assert refused.value.code == "customer_tax_location_invalid"
    made = create_session(
        client, line_items=line(), customer=customer, customer_update={"address": "auto"}, **TAXED
    )
    assert made.automatic_tax.enabled


def test_the_page_shows_the_tax_before_it_charges(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    made = create_session(client, line_items=line(), allow_promotion_codes=True, **TAXED)
    page = f"{sandbox.url}/c/pay/{made.id}"
    form = {
        "email": "ada@example.com", "method": "card", "card_number": "4242424242424242", "expiry": "12/34",
        "cvc": "123", "line1": "Street 1", "city": "Berlin", "country": "DE",
    }  # fmt: skip
    shown = requests.post(page, data=form, timeout=20, allow_redirects=False)
    assert (shown.status_code, "Pay €11.90" in shown.text, "€1.90" in shown.text) == (200, True, True)
    assert sandbox.objects("payment_intent") == []
    coupon = client.v1.coupons.create({"amount_off": 500, "currency": "eur", "duration": "once"}).id
    promotion: Any = {"type": "coupon", "coupon": coupon}
    code = client.v1.promotion_codes.create({"promotion": promotion, "code": "HALF", "max_redemptions": 1})
    assert "Pay €5.95" in requests.post(page, data={"promotion_code": "half", "apply": "1"}, timeout=20).text
    assert requests.post(page, data=form, timeout=20, allow_redirects=False).status_code == 303
    session = client.v1.checkout.sessions.retrieve(made.id, {"expand": ["discounts.promotion_code"]})
    assert (session.amount_total, session.discounts[0].promotion_code.code) == (595, "HALF")  # type: ignore
    assert client.v1.promotion_codes.retrieve(code.id).times_redeemed == 1
    other = create_session(client, line_items=line(), allow_promotion_codes=True)
    answer = requests.post(
        f"{sandbox.url}/c/pay/{other.id}", data={"promotion_code": "half", "apply": "1"}, timeout=20
    )
    assert (answer.status_code, "This code is invalid." in answer.text) == (422, True)


def test_wrong_coupons_are_refused(client: stripe.StripeClient) -> None:
    wrong: list[Any] = [
        {}, {"percent_off": 20, "amount_off": 100}, {"percent_off": 120}, {"amount_off": 100},
        {"percent_off": 20, "duration": "forever"},
    ]  # fmt: skip
    for params in wrong:
        with pytest.raises(stripe.InvalidRequestError):
            client.v1.coupons.create(params)
    coupon = client.v1.coupons.create({"percent_off": 20, "id": "autumn"})
    client.v1.coupons.delete(coupon.id)
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.promotion_codes.create({"promotion": {"type": "coupon", "coupon": "autumn"}})


def test_how_a_price_is_taxed_is_said_once(client: stripe.StripeClient) -> None:
    product = client.v1.products.create({"name": "Pack"}).id
    price = client.v1.prices.create({"product": product, "currency": "eur", "unit_amount": 100})
    assert client.v1.prices.update(price.id, {"tax_behavior": "inclusive"}).tax_behavior == "inclusive"
    with pytest.raises(stripe.InvalidRequestError, match="can't be changed"):
        client.v1.prices.update(price.id, {"tax_behavior": "exclusive"})
