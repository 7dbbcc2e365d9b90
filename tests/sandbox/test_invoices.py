"""Invoices of checkouts (`invoice_creation`): made out once the session is paid, with a page and a PDF."""

from __future__ import annotations

import io

import pytest
import requests
import stripe
from pypdf import PdfReader

from tests.sandbox.calling import MakeSession, list_events_of
from tests.support.sandbox import Sandbox

WANTED = {"enabled": True, "invoice_data": {"description": "Thank you", "metadata": {"shop": "1"}}}
SOURCE = ["invoice.created", "invoice.finalized", "invoice.paid", "invoice.payment_succeeded"]


def test_a_paid_session_has_its_invoice(
    sandbox: Sandbox, client: stripe.StripeClient, make_session: MakeSession
) -> None:
    session = make_session(invoice_creation=WANTED, customer_email="jenny@shop.test")
    assert session.invoice is None
    sandbox.pay(session.id)
    paid = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["invoice"]})
    invoice = paid.invoice
    assert isinstance(invoice, stripe.Invoice)
    assert (invoice.status, invoice.total, invoice.amount_paid, invoice.amount_remaining) == (
        "paid",
        4500,
        4500,
        0,
    )
    assert (invoice.customer, invoice.customer_email) == (paid.customer, "jenny@shop.test")
    assert invoice.metadata is not None
    assert (invoice.description, invoice.metadata["shop"]) == ("Thank you", "1")
    (line,) = invoice.lines.data
    assert (line.description, line.amount) == ("Studio pack", 4500)
    assert client.v1.invoices.retrieve(str(invoice.id)).number == invoice.number
    assert [each.id for each in client.v1.invoices.list().data] == [invoice.id]


def test_the_sessions_event_names_it_and_its_own_follow(sandbox: Sandbox, make_session: MakeSession) -> None:
    sandbox.pay(make_session(invoice_creation=WANTED).id)
    (invoice,) = sandbox.objects("invoice")
    events = list_events_of(sandbox, "checkout.session.completed", "invoice.")
    assert events == ["checkout.session.completed", *SOURCE]
    completed = next(e for e in sandbox.objects("event") if e["type"] == "checkout.session.completed")
    assert completed["data"]["object"]["invoice"] == invoice["id"]


def test_a_delayed_payment_has_it_when_it_settles(sandbox: Sandbox, make_session: MakeSession) -> None:
    session = make_session(invoice_creation=WANTED)
    sandbox.pay_later(session.id)
    assert sandbox.objects("invoice") == []
    sandbox.settle(session.id)
    assert list_events_of(sandbox, "invoice.") == SOURCE


@pytest.mark.parametrize("end", ["not asked", "declined", "failed"])
def test_there_is_none_without_a_payment_or_a_wish(
    sandbox: Sandbox, make_session: MakeSession, end: str
) -> None:
    session = make_session(**({} if end == "not asked" else {"invoice_creation": WANTED}))
    if end == "failed":
        sandbox.pay_later(session.id)
        sandbox.fail(session.id)
    else:
        sandbox.pay(session.id, "4000000000000002" if end == "declined" else "4242424242424242")
    assert sandbox.objects("invoice") == []


def test_its_page_and_its_pdf_open_for_whoever_knows_the_address(
    sandbox: Sandbox, make_session: MakeSession
) -> None:
    sandbox.pay(make_session(invoice_creation=WANTED).id)
    (invoice,) = sandbox.objects("invoice")
    page = requests.get(invoice["hosted_invoice_url"], timeout=10)
    assert (page.status_code, invoice["number"] in page.text, "$45.00" in page.text) == (200, True, True)
    file = requests.get(invoice["invoice_pdf"], timeout=10)
    assert "Studio pack: $45.00" in PdfReader(io.BytesIO(file.content)).pages[0].extract_text()
    guessed = f"{sandbox.url}/i/{invoice['id']}/guessed"
    assert [requests.get(f"{guessed}{end}", timeout=10).status_code for end in ("", "/pdf")] == [404, 404]


def test_what_the_sandbox_cannot_put_on_an_invoice_it_refuses(make_session: MakeSession) -> None:
    fields = {"enabled": True, "invoice_data": {"custom_fields": [{"name": "PO", "value": "1"}]}}
    with pytest.raises(stripe.InvalidRequestError, match="custom_fields"):
        make_session(invoice_creation=fields)
