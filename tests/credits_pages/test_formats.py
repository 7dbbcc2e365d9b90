"""Amounts, prices and dates are written as each language writes them, and entered as programs do."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.conf import settings
from django.utils import formats, translation
from pypdf import PdfReader

from accounts.models import User
from billing.money import Money
from billing.receipts.issuing import issue_receipt
from billing.receipts.pdf import render_receipt
from config.formats.en import formats as english
from credits.formatting import credits_amount, credits_change
from tests.billing.calling import browser_of
from tests.receipts.papers import paid
from tests.support.builders import UserFactory, put_on_sale

NBSP, LRM = "\N{NO-BREAK SPACE}", "\N{LEFT-TO-RIGHT MARK}"
MOMENT = datetime(2026, 3, 8, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("code", "amount", "loss", "price", "debt", "other", "minute"),
    [
        ("en", "12,345.5", "-12", "$1,234.50", "−$1.00", "1,234.500 KWD", "8 Mar 2026, 14:05"),
        ("de", "12.345,5", "-12", f"1.234,50{NBSP}$", f"−1,00{NBSP}$", "1.234,500 KWD", "8. März 2026, 14:05"),
        ("fr", f"12{NBSP}345,5", "-12", f"1{NBSP}234,50{NBSP}$", f"−1,00{NBSP}$", f"1{NBSP}234,500 KWD",
         "8 mars 2026, 14:05"),
        ("es", f"12{NBSP}345,5", "-12", f"1{NBSP}234,50{NBSP}$", f"−1,00{NBSP}$", f"1{NBSP}234,500 KWD",
         "8 mar 2026, 14:05"),
        ("ar", "12,345.5", f"{LRM}-12", f"1,234.50{NBSP}$", f"{LRM}−1.00{NBSP}$", "1,234.500 KWD",
         "8 مارس 2026، 14:05"),
    ],
)  # fmt: skip
def test_each_language_writes_numbers_prices_and_dates_its_own_way(
    code: str, amount: str, loss: str, price: str, debt: str, other: str, minute: str
) -> None:
    with translation.override(code):
        assert credits_amount(Decimal("12345.500000")) == amount
        assert credits_change(Decimal(-12)) == loss
        assert str(Money(123450, "usd")) == price
        assert str(Money(-100, "usd")) == debt
        assert str(Money(1234500, "kwd")) == other
        assert formats.date_format(MOMENT, "MINUTE_FORMAT") == minute


def test_every_language_has_every_format() -> None:
    """Django would take a name that it doesn't find for a format."""
    names = [name for name in vars(english) if name.endswith("_FORMAT")]
    for code in dict(settings.LANGUAGES):
        with translation.override(code):
            assert [name for name in names if formats.get_format(name) == name] == [], code


@pytest.mark.django_db
def test_a_form_shows_what_it_takes_in_every_language() -> None:
    put_on_sale("demo")
    user: User = UserFactory.create(language="de")
    client = browser_of(user)
    client.post("/credits/low-balance", {"threshold": "1234.5", "shown_for": "personal"})
    page = client.get("/credits/statement/").content.decode()
    (shown,) = re.findall(r'name="threshold"[^>]* value="([^"]*)"', page)
    assert shown == "1234.5"
    client.post("/credits/low-balance", {"threshold": shown, "shown_for": "personal"})
    assert f'value="{shown}"' in client.get("/credits/statement/").content.decode()
    shop = client.get("/credits/").content.decode()
    fields = re.findall(r'(?:value|min|max|step|x|y|width|height)="(\d[\d.,]*)"', shop)
    assert "500.00" in fields
    assert [text for text in fields if "," in text] == []


@pytest.mark.django_db
def test_an_arabic_receipt_is_shaped_and_runs_from_right_to_left() -> None:
    buyer = UserFactory.create(language="ar", first_name="ليلى", last_name="حداد")
    content = render_receipt(issue_receipt(paid(buyer).pk))
    reader = PdfReader(io.BytesIO(content))
    assert str(reader.root_object["/Lang"]) == "ar"
    places: dict[str, float] = {}

    def note(text: str, matrix: list[float], position: list[float], *rest: object) -> None:
        places[text.strip()] = position[4] or matrix[4]

    reader.pages[0].extract_text(visitor_text=note)
    middle = float(reader.pages[0].mediabox.width) / 2
    assert places[settings.SELLER_NAME] > middle, "the seller is on the right"
    assert "□" not in "".join(places)
