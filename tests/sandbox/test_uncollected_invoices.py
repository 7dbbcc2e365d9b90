"""Invoices that can't be collected: retries, what they end in, and the page on which they are paid after all."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import find_event
from tests.sandbox.subscribing import ASKS, DAY_S, DECLINES, HOUR_S, PAYS, list_since, make_price, subscribe
from tests.support.sandbox import Sandbox

FAILED = ["invoice.updated", "invoice.payment_failed"]
PAID = ["invoice.updated", "invoice.paid", "invoice.payment_succeeded"]
STARTED = ["invoice.created", "customer.subscription.updated", "invoice.finalized"]


@pytest.fixture
def failing(sandbox: Sandbox, client: stripe.StripeClient) -> stripe.Subscription:
    """A subscription whose next charge is declined."""
    return subscribe_with(sandbox, client, DECLINES)


def subscribe_with(sandbox: Sandbox, client: stripe.StripeClient, card: str) -> stripe.Subscription:
    """A subscription whose customer has another card now, which replaced the first one."""
    subscription = subscribe(sandbox, client)
    sandbox.replace_card(str(subscription.customer), card)
    own = client.v1.subscriptions.retrieve(subscription.id).default_payment_method
    assert (own, find_event(sandbox, "payment_method.detached")["object"]["customer"]) == (None, None)
    return subscription


def read_status(client: stripe.StripeClient, subscription: stripe.Subscription) -> str:
    return client.v1.subscriptions.retrieve(subscription.id).status


def type_card(invoice: dict[str, Any], card: str) -> requests.Response:
    """The answer of the invoice's page to a card."""
    form = {"card_number": card, "expiry": "12 / 34", "cvc": "123"}
    url = invoice["hosted_invoice_url"]
    return requests.post(url, data=form, allow_redirects=False, timeout=10)


def test_a_declined_renewal_is_tried_again_and_given_up_in_the_end(
    sandbox: Sandbox, client: stripe.StripeClient, failing: stripe.Subscription
) -> None:
    before = len(sandbox.objects("event"))
    renewed = sandbox.renew(failing.id)
    invoice, charged_at = renewed["invoice"], renewed["now"]
    assert (renewed["subscription"]["status"], invoice["status"]) == ("past_due", "open")
    assert (invoice["attempt_count"], invoice["attempted"], invoice["auto_advance"]) == (1, True, True)
    assert abs(invoice["next_payment_attempt"] - charged_at - 3 * DAY_S) < HOUR_S
    sandbox.advance(20 * DAY_S)
    assert list_since(sandbox, before) == [
        "invoice.upcoming",
        *STARTED,
        *FAILED,
        "customer.subscription.updated",
        *FAILED * 3,
        "customer.subscription.deleted",
    ]
    attempts = [charge["created"] - invoice["created"] for charge in sandbox.objects("charge")[1:]]
    assert attempts == [HOUR_S, HOUR_S + 3 * DAY_S, HOUR_S + 8 * DAY_S, HOUR_S + 15 * DAY_S]
    given_up = client.v1.subscriptions.retrieve(failing.id)
    assert given_up.cancellation_details is not None
    assert (given_up.status, given_up.cancellation_details.reason) == ("canceled", "payment_failed")
    left = client.v1.invoices.retrieve(invoice["id"], {"expand": ["payments.data.payment.payment_intent"]})
    assert (left.status, left.attempt_count, left.next_payment_attempt) == ("open", 4, None)
    assert left.payments is not None
    intent = left.payments.data[0].payment.payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.decline_code == "generic_decline"


def test_the_account_may_leave_it_unpaid_and_bill_it_in_drafts(
    sandbox: Sandbox, client: stripe.StripeClient, failing: stripe.Subscription
) -> None:
    sandbox.set_account(after_failed_retries="unpaid")
    invoice = sandbox.renew(failing.id)["invoice"]
    sandbox.advance(20 * DAY_S)
    assert read_status(client, failing) == "unpaid"
    draft = sandbox.renew(failing.id)["invoice"]
    assert (draft["status"], draft["automatically_finalizes_at"]) == ("draft", None)
    sandbox.replace_card(str(failing.customer), PAYS)
    client.v1.invoices.pay(invoice["id"])
    assert read_status(client, failing) == "unpaid"
    assert client.v1.invoices.pay(draft["id"]).status == "paid"
    assert read_status(client, failing) == "active"


def test_a_retry_charges_the_card_that_the_customer_has_by_then(
    sandbox: Sandbox, client: stripe.StripeClient, failing: stripe.Subscription
) -> None:
    invoice = sandbox.renew(failing.id)["invoice"]
    sandbox.replace_card(str(failing.customer), PAYS)
    before = len(sandbox.objects("event"))
    sandbox.advance(3 * DAY_S + HOUR_S)
    assert list_since(sandbox, before) == [*PAID, "customer.subscription.updated"]
    paid = client.v1.invoices.retrieve(invoice["id"])
    assert (paid.status, paid.attempt_count, read_status(client, failing)) == ("paid", 2, "active")
    assert sandbox.renew(failing.id)["invoice"]["status"] == "paid"


def test_an_open_invoice_is_paid_on_its_page_by_a_card_that_stays(
    sandbox: Sandbox, client: stripe.StripeClient, failing: stripe.Subscription
) -> None:
    invoice = sandbox.renew(failing.id)["invoice"]
    page = requests.get(invoice["hosted_invoice_url"], timeout=5).text
    assert "Pay $40.00" in page
    assert "Your card was declined." in page
    assert type_card(invoice, "4242 4242 4242 4241").status_code == 422
    before = len(sandbox.objects("event"))
    assert type_card(invoice, "4000000000009995").headers["Location"] == invoice["hosted_invoice_url"]
    assert list_since(sandbox, before) == ["invoice.payment_failed"]
    assert "insufficient funds" in requests.get(invoice["hosted_invoice_url"], timeout=5).text
    before = len(sandbox.objects("event"))
    assert type_card(invoice, PAYS).headers["Location"] == invoice["hosted_invoice_url"]
    assert list_since(sandbox, before) == [*PAID, *["customer.subscription.updated"] * 2]
    assert "Amount paid" in requests.get(invoice["hosted_invoice_url"], timeout=5).text
    assert client.v1.invoices.retrieve(invoice["id"]).attempt_count == 1
    active = client.v1.subscriptions.retrieve(failing.id)
    saved = client.v1.payment_methods.retrieve(str(active.default_payment_method))
    assert (active.status, saved.customer) == ("active", failing.customer)
    assert type_card(invoice, PAYS).status_code == 200
    assert len([charge for charge in sandbox.objects("charge") if charge["paid"]]) == 2
    assert sandbox.renew(failing.id)["invoice"]["status"] == "paid"


@pytest.mark.parametrize(("answer", "status"), [("complete", "active"), ("fail", "past_due")])
def test_a_card_that_asks_for_its_owner_is_confirmed_from_the_invoices_page(
    sandbox: Sandbox, client: stripe.StripeClient, answer: str, status: str
) -> None:
    subscription = subscribe_with(sandbox, client, ASKS)
    before = len(sandbox.objects("event"))
    invoice = sandbox.renew(subscription.id)["invoice"]
    assert list_since(sandbox, before) == [
        "invoice.upcoming",
        *STARTED,
        "invoice.updated",
        "invoice.payment_action_required",
        "invoice.payment_failed",
        "customer.subscription.updated",
    ]
    assert find_event(sandbox, "payment_intent.requires_action")["object"]["status"] == "requires_action"
    (payment,) = client.v1.invoice_payments.list({"invoice": invoice["id"]}).data
    intent = client.v1.payment_intents.retrieve(str(payment.payment.payment_intent))
    assert intent.next_action is not None
    assert intent.next_action.redirect_to_url is not None
    bank = str(intent.next_action.redirect_to_url.url)
    assert bank in requests.get(invoice["hosted_invoice_url"], timeout=5).text
    back = requests.post(bank, data={"answer": answer}, allow_redirects=False, timeout=5)
    assert back.headers["Location"].startswith(invoice["hosted_invoice_url"])
    assert read_status(client, subscription) == status
    paid = client.v1.invoices.retrieve(invoice["id"]).status
    assert paid == ("paid" if answer == "complete" else "open")


def test_another_card_with_3d_secure_pays_on_the_page_too(
    sandbox: Sandbox, client: stripe.StripeClient, failing: stripe.Subscription
) -> None:
    invoice = sandbox.renew(failing.id)["invoice"]
    bank = type_card(invoice, "4000002500003155").headers["Location"]
    assert "Complete authentication" in requests.get(bank, timeout=5).text
    requests.post(bank, data={"answer": "complete"}, allow_redirects=False, timeout=5)
    assert read_status(client, failing) == "active"
    assert sandbox.renew(failing.id)["invoice"]["status"] == "paid"


@pytest.mark.parametrize("way", ["void", "uncollectible", "out of band", "intent"])
def test_other_ways_to_settle_an_invoice_put_its_subscription_in_order(
    sandbox: Sandbox, client: stripe.StripeClient, failing: stripe.Subscription, way: str
) -> None:
    invoice = sandbox.renew(failing.id)["invoice"]["id"]
    (payment,) = client.v1.invoice_payments.list({"invoice": invoice}).data
    intent = str(payment.payment.payment_intent)
    if way == "void":
        client.v1.invoices.void_invoice(invoice)
    elif way == "uncollectible":
        client.v1.invoices.mark_uncollectible(invoice)
    elif way == "out of band":
        client.v1.invoices.pay(invoice, {"paid_out_of_band": True})
    else:
        client.v1.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    settled = client.v1.invoices.retrieve(invoice).status
    assert settled == {"void": "void", "uncollectible": "uncollectible"}.get(way, "paid")
    assert read_status(client, failing) == "active"
    canceled = {"void": "canceled", "out of band": "canceled", "intent": "succeeded"}
    expected = canceled.get(way, "requires_payment_method")
    assert client.v1.payment_intents.retrieve(intent).status == expected
    before = len(sandbox.objects("charge"))
    sandbox.advance(20 * DAY_S)
    assert len(sandbox.objects("charge")) == before
    if way == "uncollectible":
        sandbox.replace_card(str(failing.customer), PAYS)
        assert client.v1.invoices.pay(invoice).status == "paid"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.invoices.pay(invoice)


def test_paying_by_the_api_answers_a_decline_with_402_and_keeps_it(
    sandbox: Sandbox, client: stripe.StripeClient, failing: stripe.Subscription
) -> None:
    invoice = sandbox.renew(failing.id)["invoice"]["id"]
    with pytest.raises(stripe.CardError) as refused:
        client.v1.invoices.pay(invoice)
    assert (refused.value.http_status, refused.value.code) == (402, "card_declined")
    planned = client.v1.invoices.retrieve(invoice).next_payment_attempt
    for _ in range(4):  # as often as the clock would try: only its own attempts count
        with pytest.raises(stripe.CardError):
            client.v1.invoices.pay(invoice)
    kept = client.v1.invoices.retrieve(invoice)
    assert (kept.attempt_count, kept.next_payment_attempt, kept.auto_advance) == (1, planned, True)
    assert read_status(client, failing) == "past_due"
    stranger = client.v1.customers.create({"payment_method": "pm_card_visa"}).id
    (foreign,) = client.v1.customers.payment_methods.list(stranger).data
    with pytest.raises(stripe.InvalidRequestError, match="does not have a payment method"):
        client.v1.invoices.pay(invoice, {"payment_method": foreign.id})
    other = client.v1.payment_methods.attach("pm_card_visa", {"customer": str(failing.customer)})
    assert client.v1.invoices.pay(invoice, {"payment_method": other.id}).status == "paid"


def test_a_canceled_subscription_stays_canceled_when_its_invoice_is_paid(
    sandbox: Sandbox, client: stripe.StripeClient, failing: stripe.Subscription
) -> None:
    invoice = sandbox.renew(failing.id)["invoice"]
    sandbox.advance(20 * DAY_S)
    type_card(invoice, PAYS)
    assert client.v1.invoices.retrieve(invoice["id"]).status == "paid"
    assert read_status(client, failing) == "canceled"


def test_canceling_stops_the_attempts_to_collect(
    sandbox: Sandbox, client: stripe.StripeClient, failing: stripe.Subscription
) -> None:
    invoice = sandbox.renew(failing.id)["invoice"]
    client.v1.subscriptions.cancel(failing.id)
    left = client.v1.invoices.retrieve(invoice["id"])
    assert (left.status, left.auto_advance, left.next_payment_attempt) == ("open", False, None)
    charges = len(sandbox.objects("charge"))
    sandbox.advance(20 * DAY_S)
    assert len(sandbox.objects("charge")) == charges


def test_an_invoices_payment_is_refunded_and_disputed_like_any_other(
    sandbox: Sandbox, client: stripe.StripeClient
) -> None:
    subscription = subscribe(sandbox, client, make_price(client))
    invoice = sandbox.renew(subscription.id)["invoice"]["id"]
    (payment,) = client.v1.invoice_payments.list({"invoice": invoice, "status": "paid"}).data
    intent = str(payment.payment.payment_intent)
    charge = client.v1.charges.retrieve(str(client.v1.payment_intents.retrieve(intent).latest_charge))
    assert (charge.customer, charge.description) == (subscription.customer, "Subscription update")
    assert "invoice" not in charge.to_dict()
    refund = client.v1.refunds.create({"payment_intent": intent, "amount": 1000})
    assert refund.status == "succeeded"
    dispute = sandbox.dispute(charge.id)
    assert dispute["payment_intent"] == intent
    by_intent: Any = {"payment": {"type": "payment_intent", "payment_intent": intent}}
    (found,) = client.v1.invoice_payments.list(by_intent).data
    assert found.invoice == invoice
    assert client.v1.invoices.retrieve(invoice).status == "paid"
