"""Check what the buyer typed, as Stripe's page does before it asks the bank."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django import forms

from sandbox import clock
from sandbox.models import Record
from sandbox.payments.buyers import Buyer, offers_saving
from sandbox.payments.cards import CardDetails, passes_luhn
from sandbox.payments.sessions import list_offered

CARD, BANK = "card", "sepa_debit"
_EXPIRY = re.compile(r"^(\d{1,2})\s*/?\s*(\d{2}|\d{4})$")


ADDRESS_FIELDS = ("line1", "postal_code", "city", "country")


@dataclass(frozen=True)
class Asks:
    """Say what a session's page asks: which fields it has, and which of the customer's cards it offers."""

    is_free: bool
    is_setup: bool
    address: bool
    saving: bool
    tax_id: bool
    saved_cards: tuple[str, ...]

    @classmethod
    def of(cls, session: Record) -> "Asks":
        data = session.data
        return cls(
            is_free=data["amount_total"] == 0,
            is_setup=data["mode"] == "setup",
            address=data["billing_address_collection"] == "required",
            saving=offers_saving(data),
            tax_id=data.get("tax_id_collection", {}).get("enabled", False),
            saved_cards=tuple(method.id for method in list_offered(session)),
        )


class PaymentForm(forms.Form):
    """Take one attempt to pay. The card's fields are checked only if a card is to be charged."""

    email = forms.EmailField(error_messages={"required": "Enter your email for the receipt."})
    method = forms.ChoiceField(
        required=False, error_messages={"invalid_choice": "This card is no longer available. Choose another."}
    )
    card_number = forms.CharField(required=False)
    expiry = forms.CharField(required=False)
    cvc = forms.CharField(required=False)
    save = forms.BooleanField(required=False)
    name = forms.CharField(required=False, max_length=200)
    line1 = forms.CharField(max_length=200, error_messages={"required": "Enter your street and number."})
    postal_code = forms.CharField(required=False, max_length=20)
    city = forms.CharField(max_length=100, error_messages={"required": "Enter your city."})
    country = forms.RegexField(
        r"^[A-Z]{2}$",
        error_messages={
            "required": "Enter your country’s code.",
            "invalid": "Enter two letters, such as DE or US.",
        },
    )
    tax_id = forms.CharField(required=False, max_length=30)

    def __init__(self, *args: Any, asks: Asks, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_free = asks.is_free
        choices = [*((saved, "Saved card") for saved in asks.saved_cards), (CARD, "Card")]
        method = self.fields["method"]
        assert isinstance(method, forms.ChoiceField)  # noqa: S101 - declared above
        method.choices = choices if asks.is_setup else [*choices, (BANK, "Bank debit")]
        for name in () if asks.address else ADDRESS_FIELDS:
            del self.fields[name]
        for name, is_asked in (("save", asks.saving), ("tax_id", asks.tax_id)):
            if not is_asked:
                del self.fields[name]

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
        given = self.cleaned_data
        address = {name: given[name] or None for name in ADDRESS_FIELDS} if "line1" in given else None
        return Buyer(
            given["email"],
            given["name"] or None,
            address and {"line2": None, "state": None, **address},
            given.get("tax_id") or None,
            saves_card=given["method"] == CARD and given.get("save", False),
        )

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
