"""What is printed: everything that it must say, in every alphabet, and the same bytes for good."""

from __future__ import annotations

import datetime
import io
import time
from typing import Any

import pytest
from django.utils import translation
from pypdf import PdfReader

from accounts.models import User
from accounts.teams.membership import create_team
from billing.checkout.fulfilment import fulfil_purchase
from billing.provider.objects import PaymentMethod
from billing.purchases.models import Purchase
from billing.receipts.issuing import issue_credit_note, issue_receipt
from billing.receipts.models import Receipt
from billing.receipts.pdf import render_receipt
from tests.receipts.papers import SOURCE, paid, pending, refunded, text_of
from tests.support.builders import UserFactory, charge_for, paid_report

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime.datetime(2026, 11, 27, 12, tzinfo=datetime.UTC)


def receipt_text(purchase: Purchase) -> str:
    return text_of(render_receipt(issue_receipt(purchase.pk)))


def test_a_receipt_says_who_sold_what_to_whom_when_and_for_how_much(buyer: User) -> None:
    purchase = paid(buyer, told={"at": NOON})
    text = receipt_text(purchase)
    for fact in [
        "Receipt",
        "R-2026-000001",
        "27 November 2026",
        "Example Software GmbH",
        "Musterstraße 12",
        "10115 Berlin",
        "VAT DE123456789",
        "Ada Lovelace",
        "ada@example.com",
        "Standard",
        "5,000",
        "$50.00",
        "Discount (10%)",
        "−$5.00",
        "Total paid (USD)",
        "$45.00",
        f"pi_{purchase.pk.hex}",
        str(purchase.pk),
        "Paid in full through Stripe on 27 November 2026.",
        "Prices include 19 % VAT.",
    ]:
        assert fact in text, fact


def test_a_credit_note_says_which_receipt_it_corrects_and_by_how_much(buyer: User) -> None:
    purchase = paid(buyer, told={"at": NOON})
    refund = refunded(purchase, 1500, made_at=NOON + datetime.timedelta(days=4))
    text = text_of(render_receipt(issue_credit_note(refund)))
    for fact in [
        "Credit note",
        "C-2026-000001",
        "1 December 2026",
        "R-2026-000001, 27 November 2026",
        "Refund: Standard",
        "Total refunded (USD)",
        "$15.00",
        str(refund.stripe_refund_id),
        "Ada Lovelace",
        "Example Software GmbH",
    ]:
        assert fact in text, fact
    assert "5,000" not in text
    assert "Paid with" not in text


@pytest.mark.parametrize(
    ("method", "shown"),
    [
        (PaymentMethod("card", "visa", "4242", wallet="apple_pay"), "Visa •••• 4242 (Apple Pay)"),
        (PaymentMethod("sepa_debit", last4="3000", bank="37040044"), "SEPA Direct Debit •••• 3000"),
        (PaymentMethod("link"), "Link"),
    ],
)
def test_a_receipt_says_how_was_paid(buyer: User, method: PaymentMethod, shown: str) -> None:
    purchase = pending(buyer)
    report = paid_report(purchase, charge=charge_for(purchase, method, NOON))
    text = receipt_text(fulfil_purchase(purchase.pk, report, SOURCE))
    assert f"Paid with {shown}" in " ".join(text.split())


def test_how_was_paid_is_left_out_where_stripe_has_not_told(buyer: User) -> None:
    assert "Paid with" not in receipt_text(paid(buyer, told={"charge": None}))


def test_what_is_bought_for_a_team_names_it(buyer: User) -> None:
    text = receipt_text(paid(buyer, create_team(buyer, "Acme")))
    assert "Ada Lovelace\nada@example.com\nAcme" in text


def test_a_pack_at_its_regular_price_has_no_discount(buyer: User) -> None:
    purchase = paid(buyer, sale_name="", sale_minor=0)
    assert "Discount" not in receipt_text(purchase)


def test_what_the_settings_leave_out_is_not_printed(buyer: User, settings: Any) -> None:
    settings.SELLER_ADDRESS = settings.SELLER_TAX_ID = settings.RECEIPT_NOTE = ""
    text = receipt_text(paid(buyer))
    assert text.split()[:6] == ["Example", "Software", "GmbH", "Receipt", "Billed", "to"]
    assert text.splitlines()[-1].startswith("Paid in full through Stripe")


@pytest.mark.parametrize(
    ("currency", "shown"),
    [
        ("jpy", ["¥5,000", "−¥500", "¥4,500", "(JPY)"]),
        ("kwd", ["5.000 KWD", "−0.500 KWD", "4.500 KWD", "(KWD)"]),
        ("inr", ["₹50.00", "−₹5.00", "₹45.00", "(INR)"]),
    ],
)
def test_amounts_are_written_as_their_currency_is(buyer: User, currency: str, shown: list[str]) -> None:
    text = receipt_text(paid(buyer, currency=currency))
    for amount in shown:
        assert amount in text, amount


# --- The same for good ----------------------------------------------------------------------------------------------


def test_a_receipt_is_the_same_bytes_whenever_it_is_made_and_whatever_the_settings_say(
    buyer: User, settings: Any
) -> None:
    purchase = paid(buyer)
    first = render_receipt(issue_receipt(purchase.pk))
    time.sleep(1.1)  # times in a PDF are whole seconds
    settings.SELLER_NAME, settings.SELLER_ADDRESS, settings.RECEIPT_NOTE = "Other", "Elsewhere", ""
    settings.TIME_ZONE, settings.RECEIPT_PREFIX = "Asia/Tokyo", "X"
    User.objects.update(first_name="Grace", email="grace@example.com")
    with translation.override("de"):
        again = render_receipt(issue_receipt(purchase.pk))
    assert again == first


def test_the_file_says_what_it_is_to_programs(buyer: User) -> None:
    receipt = issue_receipt(paid(buyer).pk)
    reader = PdfReader(io.BytesIO(render_receipt(receipt)))
    assert reader.metadata is not None
    assert reader.metadata.title == f"Receipt {receipt.number}"
    assert reader.metadata.author == "Example Software GmbH"
    assert reader.metadata.creation_date == receipt.issued_at.replace(microsecond=0)
    assert str(reader.root_object["/Lang"]) == "en"
    assert len(reader.pages) == 1


# --- Whatever somebody is called ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Łukasz Ørsted", "Łukasz Ørsted"),
        ("Ελένη Παπαδοπούλου", "Ελένη Παπαδοπούλου"),
        ("Ольга Чехова", "Ольга Чехова"),
        ("Nguyễn Thị Minh Khai", "Nguyễn Thị Minh Khai"),
        ("משה כהן", "משה כהן"),
        ("محمد عبد الله", "محمد عبد الله"),
        ("李 Wang", "□ Wang"),
        ("Zoë 🧾🇩🇪", "Zoë □□□"),
        ("ADA\tMARIE", "ADA□MARIE"),
    ],
)
def test_names_are_printed_and_a_letter_that_the_font_lacks_becomes_a_box(name: str, shown: str) -> None:
    buyer = UserFactory.create(first_name=name, last_name="")
    assert shown in receipt_text(paid(buyer))


@pytest.mark.parametrize("name", ["👩‍👩‍👧", "a\u0301\u0300\u0302", "\u202eevil"])
def test_no_name_keeps_a_receipt_from_coming_out(name: str) -> None:
    buyer = UserFactory.create(first_name=name, last_name="Ada")
    text = receipt_text(paid(buyer, package_name=name))
    assert buyer.email in text
    assert "$45.00" in text


def test_a_name_from_right_to_left_does_not_turn_the_lines_around_it() -> None:
    buyer = UserFactory.create(first_name="משה", last_name="כהן", email="moshe@example.com")
    text = receipt_text(paid(buyer, package_name="Pack 1 (new)"))
    assert "moshe@example.com" in text
    assert "Pack 1 (new)" in text


def test_long_names_are_broken_into_lines_and_all_of_them_is_there() -> None:
    email = f"{'x' * 60}@{'y' * 60}.{'z' * 60}.example.com"
    buyer = UserFactory.create(first_name="A" * 150, last_name="B" * 150, email=email)
    text = receipt_text(paid(buyer, package_name="Word " * 20))
    joined = "".join(text.split())
    assert email in joined
    assert "A" * 150 + "B" * 150 in joined
    assert "Word" * 20 in joined


def test_the_log_tells_nothing_of_names(buyer: User, caplog: pytest.LogCaptureFixture) -> None:
    User.objects.update(first_name="李")
    receipt_text(paid(buyer))
    assert not [record for record in caplog.records if record.name.startswith(("fpdf", "fontTools"))]


def test_the_language_is_the_one_it_was_issued_in(buyer: User, settings: Any) -> None:
    settings.LANGUAGE_CODE = "de"
    receipt = issue_receipt(paid(buyer).pk)
    settings.LANGUAGE_CODE = "en"
    assert Receipt.objects.get(pk=receipt.pk).language == "de"
    reader = PdfReader(io.BytesIO(render_receipt(receipt)))
    assert str(reader.root_object["/Lang"]) == "de"
