"""Reading subscriptions, their items and their invoices: lists, filters, lines, expansion, keys and repeats."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import MakeSession, connect, create_session
from tests.sandbox.subscribing import DAY_S, DECLINES, get_item, make_price, subscribe
from tests.support.sandbox import Sandbox

KEY = "rk_test_" + "s" * 24


def test_subscriptions_are_found_by_customer_price_status_and_period(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    price = make_price(client)
    first, trial, other = (
        subscribe(sandbox, client, price),
        subscribe(sandbox, client, trial_period_days=14),
        subscribe(sandbox, client),
    )
    client.v1.subscriptions.cancel(other.id)

    def find(**params: Any) -> list[str]:
        return [found.id for found in client.v1.subscriptions.list(params).data]  # type: ignore[arg-type]

    assert find() == [trial.id, first.id]
    assert find(status="all") == [other.id, trial.id, first.id]
    assert find(status="ended") == find(status="canceled") == [other.id]
    assert find(status="trialing") == [trial.id]
    assert find(price=price) == find(customer=str(first.customer)) == [first.id]
    end = get_item(trial).current_period_end
    assert find(current_period_end={"lte": end}) == [trial.id]
    assert find(current_period_end={"gt": end}) == [first.id]
    assert find(limit=1) == [trial.id]
    assert find(limit=1, starting_after=trial.id) == [first.id]


def test_items_are_read_by_their_subscription_or_their_id(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    subscription = subscribe(sandbox, client)
    item = get_item(subscription)
    listed = client.v1.subscription_items.list({"subscription": subscription.id}).data
    assert [each.id for each in listed] == [item.id]
    found = client.v1.subscription_items.retrieve(item.id, {"expand": ["price.product"]})
    assert isinstance(found.price.product, stripe.Product)
    assert found.price.product.name == "Plus"
    changed = client.v1.subscription_items.update(item.id, {"quantity": 2, "proration_behavior": "none"})
    assert changed.quantity == 2
    assert get_item(client.v1.subscriptions.retrieve(subscription.id)).quantity == 2
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription_item: 'si_none'"):
        client.v1.subscription_items.retrieve("si_none")
    with pytest.raises(stripe.InvalidRequestError, match="No such subscription_item: 'si_none'"):
        client.v1.subscription_items.update("si_none", {"quantity": 2})


def test_invoices_are_found_by_customer_subscription_status_and_time(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    subscription = subscribe(sandbox, client)
    sandbox.pay(make_session(invoice_creation={"enabled": True}).id)
    sandbox.replace_card(str(subscription.customer), DECLINES)
    renewed = sandbox.renew(subscription.id)["invoice"]["id"]

    def find(**params: Any) -> list[str | None]:
        return [found.id for found in client.v1.invoices.list(params).data]  # type: ignore[arg-type]

    first = str(subscription.latest_invoice)
    assert len(find()) == 3
    assert find(subscription=subscription.id) == [renewed, first]
    assert find(customer=str(subscription.customer)) == [renewed, first]
    assert find(subscription=subscription.id, status="paid") == [first]
    assert find(status="open") == find(created={"gt": subscription.created + 10 * DAY_S}) == [renewed]


def test_an_invoice_shows_its_first_ten_lines_and_lists_all(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    plus, maximum = make_price(client), make_price(client, "Max", 14_000)
    subscription = subscribe(sandbox, client, plus)
    item = get_item(subscription)
    for price in (maximum, plus) * 3:
        client.v1.subscriptions.update(subscription.id, {"items": [{"id": item.id, "price": price}]})
    invoice = client.v1.invoices.retrieve(sandbox.renew(subscription.id)["invoice"]["id"])
    assert (len(invoice.lines.data), invoice.lines.has_more) == (10, True)
    found = list(client.v1.invoices.line_items.list(str(invoice.id), {"limit": 5}).auto_paging_iter())
    assert [line.id for line in found[:10]] == [line.id for line in invoice.lines.data]
    assert len({line.id for line in found}) == 13
    assert all(line.id.startswith("il_1") for line in found)  # the announcement's ids are its own
    assert sum(line.amount for line in found) == invoice.total


def test_what_an_invoice_names_can_be_expanded(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    subscription = subscribe(sandbox, client)
    paths = [
        "customer",
        "payments.data.payment.payment_intent",
        "parent.subscription_details.subscription",
        "lines.data.subscription",
        "confirmation_secret",
        "discounts",
        "lines.data.discounts",
    ]
    invoice = client.v1.invoices.retrieve(str(subscription.latest_invoice), {"expand": paths}).to_dict()
    intent = invoice["payments"]["data"][0]["payment"]["payment_intent"]
    assert intent["amount"] == invoice["amount_paid"]
    assert invoice["customer"]["id"] == intent["customer"] == subscription.customer
    assert invoice["parent"]["subscription_details"]["subscription"]["id"] == subscription.id
    assert invoice["lines"]["data"][0]["subscription"]["id"] == subscription.id
    assert invoice["confirmation_secret"]["client_secret"] == intent["client_secret"]
    path = "latest_invoice.payments"
    found = client.v1.subscriptions.retrieve(
        subscription.id, {"expand": [path, "default_payment_method"]}
    ).to_dict()
    assert found["latest_invoice"]["payments"]["data"][0]["status"] == "paid"
    assert found["default_payment_method"]["card"]["last4"] == "4242"
    plain = client.v1.invoices.retrieve(str(subscription.latest_invoice)).to_dict()
    assert "payments" not in plain
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.v1.invoices.retrieve(str(subscription.latest_invoice), {"expand": ["lines.data.period"]})


def test_an_invoice_of_a_single_checkout_is_tied_to_its_payment_too(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    customer = client.v1.customers.create({"email": "jenny@shop.test"}).id
    intents = [
        sandbox.pay(make_session(invoice_creation={"enabled": True}, customer=customer).id)["payment_intent"]
        for _ in range(2)
    ]
    invoices = client.v1.invoices.list({"customer": customer, "expand": ["data.payments"]}).data
    assert [str(invoice.number)[-4:] for invoice in invoices] == ["0002", "0001"]
    tied = [invoice.payments.data[0].payment.payment_intent for invoice in invoices if invoice.payments]
    assert tied == [intent["id"] for intent in intents[::-1]]


@pytest.mark.parametrize(
    ("method", "path", "permission"),
    [
        ("GET", "/v1/subscriptions", "subscription_read"),
        ("POST", "/v1/subscriptions/sub_none", "subscription_write"),
        ("DELETE", "/v1/subscriptions/sub_none", "subscription_write"),
        ("GET", "/v1/subscription_items/si_none", "subscription_read"),
        ("GET", "/v1/invoices/in_none/lines", "invoice_read"),
        ("GET", "/v1/invoice_payments", "invoice_read"),
        ("POST", "/v1/invoices/create_preview", "invoice_write"),
        ("POST", "/v1/invoices/in_none/pay", "invoice_write"),
    ],
)
def test_each_route_asks_for_its_permission(
    sandbox: Sandbox, method: str, path: str, permission: str
) -> None:
    sandbox.restrict_key(KEY)
    refused = requests.request(method, sandbox.url + path, auth=(KEY, ""), timeout=10)
    assert (refused.status_code, f"'rak_{permission}'" in refused.text) == (403, True)
    sandbox.restrict_key(KEY, permission)
    assert requests.request(method, sandbox.url + path, auth=(KEY, ""), timeout=10).status_code != 403


def test_expanding_an_invoices_payment_needs_the_permission_for_it(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    invoice = str(subscribe(sandbox, client).latest_invoice)
    sandbox.restrict_key(KEY, "invoice_read")
    restricted = connect(sandbox, KEY)
    assert restricted.v1.invoices.retrieve(invoice, {"expand": ["payments"]}).payments is not None
    for path, permission in (
        ("payments.data.payment.payment_intent", "payment_intent_read"),
        ("parent.subscription_details.subscription", "subscription_read"),
    ):
        with pytest.raises(stripe.PermissionError, match=permission):
            restricted.v1.invoices.retrieve(invoice, {"expand": [path]})


def test_a_repeated_upgrade_or_payment_is_made_once(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    subscription = subscribe(sandbox, client)
    maximum = make_price(client, "Max", 14_000)
    order: Any = {
        "items": [{"id": get_item(subscription).id, "price": maximum}],
        "proration_behavior": "always_invoice",
    }
    answers = [
        client.v1.subscriptions.update(subscription.id, order, {"idempotency_key": "up"}) for _ in range(2)
    ]
    assert answers[0].to_dict() == answers[1].to_dict()
    assert len(sandbox.objects("invoice")) == len(sandbox.objects("charge")) == 2
    sandbox.replace_card(str(subscription.customer), DECLINES)
    invoice = sandbox.renew(subscription.id)["invoice"]["id"]
    charges = len(sandbox.objects("charge"))
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            client.v1.invoices.pay(invoice, {}, {"idempotency_key": "pay"})
    assert len(sandbox.objects("charge")) == charges + 1


def test_unknown_ids_are_refused_as_stripe_does(client: stripe.StripeClient) -> None:
    calls: list[tuple[Any, tuple[Any, ...], str, int]] = [
        (client.v1.subscriptions.retrieve, ("sub_none",), "subscription", 404),
        (client.v1.invoices.retrieve, ("in_none",), "invoice", 404),
        (client.v1.invoices.void_invoice, ("in_none",), "invoice", 404),
        (client.v1.invoice_payments.retrieve, ("inpay_none",), "invoice_payment", 404),
        (client.v1.subscription_items.list, ({"subscription": "sub_none"},), "subscription", 400),
        (client.v1.invoices.create_preview, ({"subscription": "sub_none"},), "subscription", 400),
    ]
    for call, arguments, noun, status in calls:
        with pytest.raises(stripe.InvalidRequestError, match=f"No such {noun}") as refused:
            call(*arguments)
        assert (refused.value.http_status, refused.value.code) == (status, "resource_missing")


def test_a_subscription_can_end_at_any_time(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    subscription = subscribe(sandbox, client)
    at = subscription.start_date + 45 * DAY_S
    scheduled = client.v1.subscriptions.update(subscription.id, {"cancel_at": at})
    assert (scheduled.cancel_at, scheduled.cancel_at_period_end) == (at, False)
    sandbox.advance(60 * DAY_S)
    ended = client.v1.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.ended_at, len(sandbox.objects("invoice"))) == ("canceled", at, 2)


def test_a_second_payment_or_a_discount_is_not_for_subscriptions(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    price = make_price(client)
    session = create_session(client, mode="subscription", line_items=[{"price": price, "quantity": 1}])
    page = f"{sandbox.url}/_sandbox/checkout/sessions/{session.id}"
    assert requests.post(f"{page}/discount", json={}, timeout=5).status_code == 409
    assert requests.post(f"{page}/pay", json={"method": "sepa_debit"}, timeout=5).status_code == 409
    subscription = sandbox.pay(session.id)["session"]["subscription"]
    assert requests.post(f"{page}/pay_again", json={}, timeout=5).status_code == 409
    client.v1.subscriptions.cancel(subscription)
    renew = f"{sandbox.url}/_sandbox/subscriptions/{subscription}/renew"
    assert requests.post(renew, json={}, timeout=5).status_code == 409
    assert len(sandbox.objects("charge")) == 1


def test_a_subscription_that_was_made_unfit_for_time_holds_nothing_else_up(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    odd, other = subscribe(sandbox, client), subscribe(sandbox, client)
    sandbox.change_object("subscription", odd.id, {}, without=["items"])
    assert sandbox.renew(other.id)["invoice"]["status"] == "paid"
    assert len(sandbox.objects("invoice")) == 3
