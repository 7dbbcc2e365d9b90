"""Check what the buyer typed, as Stripe's page does before it asks the bank."""

from dataclasses import dataclass
from typing import Any

from django import forms

from sandbox.checkout_page.addresses import add_address_fields, read_address
from sandbox.checkout_page.card_form import CardForm
from sandbox.models import Record
from sandbox.payments.buyers import Buyer, offers_saving
from sandbox.payments.sessions import is_free, list_offered

CARD, BANK = "card", "sepa_debit"


@dataclass(frozen=True)
class Asks:
    """Say what a session's page asks: which fields it has, and which of the customer's cards it offers."""

    is_free: bool
    bank: bool
    address: bool
    saving: bool
    tax_id: bool
    saved_cards: tuple[str, ...]

    @classmethod
    def of(cls, session: Record) -> "Asks":
        data = session.data
        return cls(
            is_free=is_free(session),
            bank=data["mode"] == "payment",
            address=data["billing_address_collection"] == "required" or data["automatic_tax"]["enabled"],
            saving=offers_saving(data),
            tax_id=data.get("tax_id_collection", {}).get("enabled", False),
            saved_cards=tuple(method.id for method in list_offered(session)),
        )


class PaymentForm(CardForm):
    """Take one attempt to pay. The card's fields are checked only if a card is to be charged."""

    email = forms.EmailField(error_messages={"required": "Enter your email for the receipt."})
    method = forms.ChoiceField(
        required=False, error_messages={"invalid_choice": "This card is no longer available. Choose another."}
    )

    def __init__(self, *args: Any, asks: Asks, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._is_free = asks.is_free
        choices = [*((saved, "Saved card") for saved in asks.saved_cards), (CARD, "Card")]
        method = self.fields["method"]
        assert isinstance(method, forms.ChoiceField)  # noqa: S101 - declared above
        method.choices = [*choices, (BANK, "Bank debit")] if asks.bank else choices
        if asks.address:
            add_address_fields(self)
        if asks.saving:
            self.fields["save"] = forms.BooleanField(required=False)
        if asks.tax_id:
            self.fields["tax_id"] = forms.CharField(required=False, max_length=30)

    def clean_method(self) -> str:
        return self.cleaned_data["method"] or CARD

    def takes_card(self) -> bool:
        return not self._is_free and self.cleaned_data.get("method") == CARD

    @property
    def buyer(self) -> Buyer:
        """The buyer, after `is_valid()`."""
        given = self.cleaned_data
        return Buyer(
            given["email"],
            given["name"] or None,
            read_address(given),
            given.get("tax_id") or None,
            saves_card=given["method"] == CARD and given.get("save", False),
        )
