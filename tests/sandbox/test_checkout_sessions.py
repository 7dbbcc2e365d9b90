"""What a checkout session may be made of."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.sandbox.calling import MakeSession
from tests.support.sandbox import Sandbox


def make_price(client: stripe.StripeClient, **params: Any) -> stripe.Price:
    defaults = {"currency": "usd", "unit_amount": 1000, "product_data": {"name": "Pack"}}
    return client.v1.prices.create({**defaults, **params})  # type: ignore[typeddict-item]


def test_a_session_adds_up_its_items(client: stripe.StripeClient, make_session: MakeSession) -> None:
    lines = [{"price": make_price(client).id, "quantity": 3}, {"price": make_price(client).id, "quantity": 1}]
    session = make_session(line_items=lines, client_reference_id="user-7", metadata={"purchase": "1"})
    assert (session.amount_total, session.currency, session.status) == (4000, "usd", "open")
    assert (session.client_reference_id, session.livemode) == ("user-7", False)


def test_the_address_is_the_one_the_caller_used(sandbox: Sandbox, make_session: MakeSession) -> None:
    session = make_session()
    assert session.url == f"{sandbox.url}/c/pay/{session.id}"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"mode": "payment", "success_url": "http://x"}, "line_items"),
        ({"mode": "payment", "line_items": [{"price": "price_x", "quantity": 1}]}, "success_url"),
        ({"success_url": "http://x"}, "mode"),
        ({"mode": "payment", "success_url": "shop.test/done"}, "success_url"),
        (
            {"mode": "payment", "success_url": "http://x", "line_items": [{"price": "p"}]},
            "line_items[0][price]",
        ),
    ],
)
def test_what_a_payment_needs_is_demanded(
    client: stripe.StripeClient, params: dict[str, Any], param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as error:
        client.v1.checkout.sessions.create(params)  # type: ignore[arg-type]
    assert error.value.param == param


def test_an_inactive_price_is_not_for_sale(client: stripe.StripeClient, make_session: MakeSession) -> None:
    price = make_price(client)
    client.v1.prices.update(price.id, {"active": False})
    with pytest.raises(stripe.InvalidRequestError, match="The price specified is inactive"):
        make_session(line_items=[{"price": price.id, "quantity": 1}])


def test_an_inactive_product_is_not_for_sale(client: stripe.StripeClient, make_session: MakeSession) -> None:
    price = make_price(client)
    client.v1.products.update(str(price.product), {"active": False})
    with pytest.raises(stripe.InvalidRequestError, match="its product is not active"):
        make_session(line_items=[{"price": price.id, "quantity": 1}])


def test_one_session_has_one_currency(client: stripe.StripeClient, make_session: MakeSession) -> None:
    prices = [make_price(client), make_price(client, currency="eur")]
    with pytest.raises(stripe.InvalidRequestError, match="doesn't match the expected currency: `usd`"):
        make_session(line_items=[{"price": price.id, "quantity": 1} for price in prices])


def test_a_recurring_price_is_refused_in_payment_mode(
    client: stripe.StripeClient, make_session: MakeSession
) -> None:
    price = make_price(client, recurring={"interval": "month"})
    with pytest.raises(stripe.InvalidRequestError, match="passed a recurring price"):
        make_session(line_items=[{"price": price.id, "quantity": 1}])


@pytest.mark.parametrize(
    ("offset_s", "bound"),
    [
        (31 * 60, None),
        (1439 * 60, None),
        (29 * 60 + 59, "at least 30 minutes"),
        (86400 + 59, "less than 24 hours"),
    ],
)
def test_a_session_is_open_for_30_minutes_to_24_hours(
    sandbox: Sandbox, make_session: MakeSession, offset_s: int, bound: str | None
) -> None:
    expires_at = sandbox.get("/_sandbox/clock")["now"] + offset_s
    if bound is None:
        assert make_session(expires_at=expires_at).expires_at == expires_at
        return
    with pytest.raises(stripe.InvalidRequestError) as refused:
        make_session(expires_at=expires_at)
    message = f"The `expires_at` timestamp must be {bound} from Checkout Session creation."
    assert (refused.value.user_message, refused.value.param) == (message, "expires_at")


def test_a_client_that_does_not_follow_the_clock_can_still_sell(
    sandbox: Sandbox, make_session: MakeSession
) -> None:
    """The site's clock is the real one, however far the local Stripe's was moved forward."""
    real = sandbox.get("/_sandbox/clock")["now"]
    now = sandbox.post("/_sandbox/clock", {"advance_s": 93 * 86400})["now"]
    assert make_session(expires_at=real + 3600).expires_at == pytest.approx(now + 3600, abs=60)
    with pytest.raises(stripe.InvalidRequestError, match="at least 30 minutes"):
        make_session(expires_at=real + 60)


def test_a_customer_excludes_an_email(client: stripe.StripeClient, make_session: MakeSession) -> None:
    customer = client.v1.customers.create({"email": "jenny@shop.test"})
    with pytest.raises(stripe.InvalidRequestError, match="only specify one of these"):
        make_session(customer=customer.id, customer_email="other@shop.test")


def test_a_known_customer_is_carried_to_the_payment(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    customer = client.v1.customers.create({"email": "jenny@shop.test"})
    answer = sandbox.pay(make_session(customer=customer.id).id)
    assert answer["payment_intent"]["customer"] == answer["session"]["customer"] == customer.id
    assert answer["session"]["customer_details"]["email"] == "jenny@shop.test"


def test_what_would_change_the_amount_and_is_not_built_is_refused(make_session: MakeSession) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="doesn't support `discounts`"):
        make_session(discounts=[{"coupon": "half"}])


def test_the_yen_has_no_hundredths(sandbox: Sandbox, make_session: MakeSession) -> None:
    price = {"currency": "jpy", "unit_amount": 2000, "product_data": {"name": "Pack"}}
    session = make_session(line_items=[{"price_data": price, "quantity": 1}])
    assert sandbox.pay(session.id)["payment_intent"]["amount_received"] == 2000


@pytest.mark.parametrize("address", ["weird@localhost", " ada@example.com", "ada@example", "zoë@example.com"])
def test_an_address_that_is_none_is_refused_everywhere(
    client: stripe.StripeClient, make_session: MakeSession, address: str
) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"})
    refusals: dict[str, Any] = {
        "customer_email": lambda: make_session(customer_email=address),
        "payment_intent_data[receipt_email]": lambda: make_session(
            payment_intent_data={"receipt_email": address}
        ),
        "email": lambda: client.v1.customers.create({"email": address}),
        "email ": lambda: client.v1.customers.update(customer.id, {"email": address}),
    }
    for param, ask in refusals.items():
        with pytest.raises(stripe.InvalidRequestError, match="Invalid email address") as error:
            ask()
        assert (error.value.code, error.value.param) == ("email_invalid", param.strip())
    assert make_session(customer_email="ada+1@mail.example.com").customer_email == "ada+1@mail.example.com"
