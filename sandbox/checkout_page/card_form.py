"""Check a card as typed in, as Stripe's page does before it asks the bank."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.http import HttpRequest

from sandbox import clock
from sandbox.checkout_page.field_lists import list_fields
from sandbox.payments.cards import TEST_CARDS, CardDetails, passes_luhn

_EXPIRY = re.compile(r"^(\d{1,2})\s*/?\s*(\d{2}|\d{4})$")
_PREFILLED = {"expiry": "12 / 34", "cvc": "123"}
_FIELDS = (
    ("card_number", "card-number", "Card number", "cc-number", "1234 1234 1234 1234"),
    ("expiry", "expiry", "Expiry (MM / YY)", "cc-exp", "MM / YY"),
    ("cvc", "cvc", "CVC", "cc-csc", "123"),
)


class CardForm(forms.Form):
    """Take a card."""

    card_number = forms.CharField(required=False)
    expiry = forms.CharField(required=False)
    cvc = forms.CharField(required=False)
    name = forms.CharField(required=False, max_length=200)

    def clean(self) -> dict[str, Any]:
        if self.takes_card():
            self._check("card_number", _read_number)
            self._check("expiry", _read_expiry)
            self._check("cvc", _read_cvc)
        return self.cleaned_data

    def takes_card(self) -> bool:
        """Tell whether the card's fields are to be checked."""
        return True

    def _check(self, field: str, read: Callable[[str], object]) -> None:
        try:
            self.cleaned_data[field] = read(self.cleaned_data.get(field, "").strip())
        except forms.ValidationError as error:
            self.add_error(field, error)

    @property
    def card(self) -> CardDetails:
        """The card, after `is_valid()`."""
        month, year = self.cleaned_data["expiry"]
        return CardDetails(self.cleaned_data["card_number"], month, year, self.cleaned_data["name"] or None)


def list_card_fields(form: forms.Form) -> list[dict[str, Any]]:
    return list_fields(form, _FIELDS)


def fill_card(http: HttpRequest) -> dict[str, str]:
    """Return the fields of the test card in the query, so that choosing one needs no JavaScript."""
    chosen = http.GET.get("card")
    return next(
        ({"card_number": card.grouped, **_PREFILLED} for card in TEST_CARDS if card.number == chosen), {}
    )


def _read_number(typed: str) -> str:
    digits = re.sub(r"[\s-]", "", typed)
    if not digits:
        raise forms.ValidationError("Enter a card number.")
    if not passes_luhn(digits):
        raise forms.ValidationError("Your card number is invalid.")
    return digits


def _read_expiry(typed: str) -> tuple[int, int]:
    match = _EXPIRY.match(typed)
    month, year = (int(match[1]), int(match[2]) % 100 + 2000) if match else (0, 0)
    if not 1 <= month <= 12:
        raise forms.ValidationError("Enter the month and year as MM / YY.")
    today = datetime.fromtimestamp(clock.get_now(), UTC)
    if (year, month) < (today.year, today.month):
        raise forms.ValidationError("Your card's expiration date is in the past.")
    return month, year


def _read_cvc(typed: str) -> str:
    if not re.fullmatch(r"\d{3,4}", typed):
        raise forms.ValidationError("Enter the 3 digits on the back of the card.")
    return typed
