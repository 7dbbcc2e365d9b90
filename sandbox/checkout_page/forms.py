"""What the buyer types in, checked as the page of Stripe checks it before it asks the bank."""

import re
from typing import Any

from django import forms

from sandbox import clock
from sandbox.checkout_page.dates import read_month
from sandbox.payments.cards import CardDetails, passes_luhn
from sandbox.payments.sessions import Buyer

CARD, BANK = "card", "sepa_debit"
_EXPIRY = re.compile(r"^(\d{1,2})\s*/?\s*(\d{2}|\d{4})$")


class PaymentForm(forms.Form):
    """One attempt to pay.

    The card's fields count only when a card is chosen and there is something to pay.
    """

    email = forms.EmailField(error_messages={"required": "Your email is needed for the receipt."})
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
        """Look at the card, if one is to be charged."""
        if not self._is_free and self.cleaned_data.get("method") == CARD:
            self._check("card_number", self._read_number)
            self._check("expiry", self._read_expiry)
            self._check("cvc", self._read_cvc)
        return self.cleaned_data

    def _check(self, field: str, read: Any) -> None:
        try:
            self.cleaned_data[field] = read(self.cleaned_data.get(field, "").strip())
        except forms.ValidationError as error:
            self.add_error(field, error)

    def _read_number(self, typed: str) -> str:
        digits = re.sub(r"[\s-]", "", typed)
        if not digits:
            raise forms.ValidationError("Enter a card number.", code="incomplete_number")
        if not passes_luhn(digits):
            raise forms.ValidationError("Your card number is invalid.", code="incorrect_number")
        return digits

    def _read_expiry(self, typed: str) -> tuple[int, int]:
        match = _EXPIRY.match(typed)
        month, year = (int(match[1]), int(match[2]) % 100 + 2000) if match else (0, 0)
        if not 1 <= month <= 12:
            raise forms.ValidationError("Enter the month and year as MM / YY.", code="incomplete_expiry")
        if (year, month) < read_month(clock.get_now()):
            raise forms.ValidationError("Your card's expiration date is in the past.", code="invalid_expiry")
        return month, year

    def _read_cvc(self, typed: str) -> str:
        if not re.fullmatch(r"\d{3,4}", typed):
            raise forms.ValidationError("Enter the 3 digits on the back of the card.", code="incomplete_cvc")
        return typed

    @property
    def buyer(self) -> Buyer:
        return Buyer(self.cleaned_data["email"], self.cleaned_data["name"] or None)

    @property
    def card(self) -> CardDetails:
        """The card, after `is_valid()`."""
        month, year = self.cleaned_data["expiry"]
        return CardDetails(self.cleaned_data["card_number"], month, year, self.cleaned_data["name"] or None)
