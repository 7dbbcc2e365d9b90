"""Check what the buyer typed, as Stripe's page does before it asks the bank."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django import forms

from sandbox import clock
from sandbox.payments.cards import CardDetails, passes_luhn
from sandbox.payments.sessions import Buyer

CARD, BANK = "card", "sepa_debit"
_EXPIRY = re.compile(r"^(\d{1,2})\s*/?\s*(\d{2}|\d{4})$")


class PaymentForm(forms.Form):
    """Take one attempt to pay. The card's fields are checked only if a card is to be charged."""

    email = forms.EmailField(error_messages={"required": "Enter your email for the receipt."})
    method = forms.ChoiceField(choices=[(CARD, "Card"), (BANK, "Bank debit")], required=False)
    card_number = forms.CharField(required=False)
    expiry = forms.CharField(required=False)
    cvc = forms.CharField(required=False)
    name = forms.CharField(required=False, max_length=200)

    def __init__(self, *args: Any, is_free: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_free = is_free

    def clean_method(self) -> str:
        return self.cleaned_data["method"] or CARD

    def clean(self) -> dict[str, Any]:
        if not self._is_free and self.cleaned_data.get("method") == CARD:
            self._check("card_number", _read_number)
            self._check("expiry", _read_expiry)
            self._check("cvc", _read_cvc)
        return self.cleaned_data

    def _check(self, field: str, read: Callable[[str], object]) -> None:
        try:
            self.cleaned_data[field] = read(self.cleaned_data.get(field, "").strip())
        except forms.ValidationError as error:
            self.add_error(field, error)

    @property
    def buyer(self) -> Buyer:
        return Buyer(self.cleaned_data["email"], self.cleaned_data["name"] or None)

    @property
    def card(self) -> CardDetails:
        """The card, after `is_valid()`."""
        month, year = self.cleaned_data["expiry"]
        return CardDetails(self.cleaned_data["card_number"], month, year, self.cleaned_data["name"] or None)


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
