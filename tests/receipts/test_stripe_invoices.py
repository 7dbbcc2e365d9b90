"""`STRIPE_INVOICES`: Stripe makes out the invoice, and everything here leads to that."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from django.core import mail

from accounts.models import User
from billing.errors import NoReceipt
from billing.purchases.models import Purchase
from billing.receipts.issuing import issue_credit_note, issue_receipt
from billing.receipts.models import Receipt
from tests.billing.calling import API, assert_problem, browser_of
from tests.billing.reporting import deliver
from tests.billing.worker import run_worker
from tests.receipts.papers import text_of
from tests.returns.asking import refund
from tests.support.builders import PackageFactory, UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _invoices(sandbox: Sandbox, settings: Any) -> None:
    put_on_sale()
    sandbox.hold_webhooks()
    settings.STRIPE_INVOICES = True


def buy(sandbox: Sandbox, buyer: User, **release: Any) -> Purchase:
    started = start(buyer, "standard")
    sandbox.pay(started.session_id)
    deliver(sandbox, **release)
    return Purchase.objects.get(pk=started.purchase.pk)


def receipt_page(purchase: Purchase) -> str:
    return f"/credits/purchases/{purchase.pk}/receipt"


def test_the_buyer_is_led_to_stripes_invoice_from_mail_pages_and_api(sandbox: Sandbox, buyer: User) -> None:
    purchase = buy(sandbox, buyer)
    run_worker()
    (invoice,) = sandbox.objects("invoice")
    assert (invoice["status"], invoice["amount_paid"]) == ("paid", 4500)

    (message,) = mail.outbox
    assert message.attachments == []
    assert receipt_page(purchase) in str(message.body)
    assert "View invoice (PDF)" in str(message.body)
    browser = browser_of(buyer)
    for page in ("/credits/history/", f"/credits/success?session_id={purchase.stripe_session_id}"):
        shown = browser.get(page).content.decode()
        assert receipt_page(purchase) in shown
        assert "Invoice" in shown
        assert "Receipt" not in shown
    carl = browser_of(UserFactory.create(is_staff=True))
    for answer in (
        browser.get(receipt_page(purchase)),
        browser.get(f"{API}purchases/{purchase.pk}/receipt"),
        carl.get(f"/admin/purchases/purchase/{purchase.pk}/receipt/"),
    ):
        assert (answer.status_code, answer.headers["Location"]) == (302, invoice["invoice_pdf"])
        assert "no-store" in answer.headers["Cache-Control"]
    file = requests.get(invoice["invoice_pdf"], timeout=10)
    assert file.headers["Content-Type"] == "application/pdf"
    assert invoice["number"] in text_of(file.content)


def test_no_receipt_of_ours_is_made_and_no_number_taken(sandbox: Sandbox, buyer: User) -> None:
    purchase = buy(sandbox, buyer)
    made = refund(purchase, 1500)
    run_worker()
    with pytest.raises(NoReceipt):
        issue_receipt(purchase.pk)
    with pytest.raises(NoReceipt):
        issue_credit_note(made)
    assert not Receipt.objects.exists()
    assert [message.attachments for message in mail.outbox] == [[], []]


def test_the_payments_event_alone_is_enough(sandbox: Sandbox, buyer: User) -> None:
    """Stripe may tell of the payment before it tells of the session: the address is asked for when it is needed."""
    purchase = buy(sandbox, buyer, types=["payment_intent.succeeded"])
    assert purchase.is_credited
    assert browser_of(buyer).get(receipt_page(purchase)).status_code == 302


def test_what_was_bought_before_or_after_keeps_its_own_kind_of_paper(
    sandbox: Sandbox, buyer: User, settings: Any
) -> None:
    invoiced = buy(sandbox, buyer)
    settings.STRIPE_INVOICES = False
    own = buy(sandbox, buyer)
    assert len(sandbox.objects("invoice")) == 1
    settings.STRIPE_INVOICES = True
    assert browser_of(buyer).get(receipt_page(own)).status_code == 200
    assert browser_of(buyer).get(receipt_page(invoiced)).status_code == 302


def test_a_free_pack_asks_for_no_invoice(sandbox: Sandbox, buyer: User) -> None:
    PackageFactory.create(code="free", price_minor=0)
    assert start(buyer, "free").purchase.invoiced_by_stripe is False
    assert sandbox.objects("invoice") == []


def test_while_stripe_is_away_the_page_says_so_and_the_api_answers_502(sandbox: Sandbox, buyer: User) -> None:
    purchase = buy(sandbox, buyer)
    sandbox.fault(method="GET", path="/v1/checkout/sessions/*", status=500, times=None)
    answer = browser_of(buyer).get(receipt_page(purchase), follow=True)
    assert "We couldn’t get the invoice. Please try again" in answer.content.decode()
    assert_problem(browser_of(buyer).get(f"{API}purchases/{purchase.pk}/receipt"), 502, "stripe_unavailable")


def test_what_stripe_refuses_is_not_to_be_tried_again(sandbox: Sandbox, buyer: User) -> None:
    purchase = buy(sandbox, buyer)
    sandbox.fault(method="GET", path="/v1/checkout/sessions/*", status=403, times=None)
    answer = browser_of(buyer).get(receipt_page(purchase), follow=True)
    assert "We couldn’t get the invoice. Please contact support." in answer.content.decode()


def test_nobody_is_led_to_somebody_elses_invoice(sandbox: Sandbox, buyer: User) -> None:
    purchase = buy(sandbox, buyer)
    other = browser_of(UserFactory.create())
    before = len(sandbox.calls())
    assert other.get(receipt_page(purchase)).status_code == 404
    assert other.get(f"{API}purchases/{purchase.pk}/receipt").status_code == 404
    assert len(sandbox.calls()) == before


def test_a_delayed_payment_has_its_invoice_once_it_settles(sandbox: Sandbox, buyer: User) -> None:
    started = start(buyer, "standard")
    sandbox.pay_later(started.session_id)
    deliver(sandbox)
    answer = browser_of(buyer).get(receipt_page(started.purchase), follow=True)
    assert "This purchase has no invoice." in answer.content.decode()
    sandbox.settle(started.session_id)
    deliver(sandbox)
    assert browser_of(buyer).get(receipt_page(started.purchase)).status_code == 302
