"""Check what customers change about themselves."""

from typing import Any

from django import forms

from sandbox.checkout_page.addresses import ADDRESS_FIELDS, add_address_fields, read_address
from sandbox.shapes import Json


class DetailsForm(forms.Form):
    """Take a customer's details, as far as the portal's configuration lets them change."""

    name = forms.CharField(max_length=200, error_messages={"required": "Enter your name."})
    email = forms.EmailField(error_messages={"required": "Enter your email."})

    def __init__(self, *args: Any, allowed: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("name", "email"):
            if name not in allowed:
                del self.fields[name]
        if "address" in allowed:
            add_address_fields(self)

    @classmethod
    def of(cls, customer: Json, allowed: list[str]) -> "DetailsForm":
        """Return a form with what the customer's record has."""
        address = customer["address"] or {}
        initial = {"name": customer["name"], "email": customer["email"]}
        return cls(
            initial={**initial, **{name: address.get(name) for name in ADDRESS_FIELDS}}, allowed=allowed
        )

    @property
    def details(self) -> Json:
        """The customer's new fields, after `is_valid()`."""
        fields: Json = {
            name: self.cleaned_data[name] for name in ("name", "email") if name in self.cleaned_data
        }
        address = read_address(self.cleaned_data)
        return {**fields, "address": address} if address else fields
