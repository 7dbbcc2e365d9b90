"""Ask for a billing address."""

from typing import Any

from django import forms

from sandbox.checkout_page.field_lists import list_fields
from sandbox.payments.buyers import make_address
from sandbox.shapes import Json

_FIELDS = (
    ("line1", "line1", "Street and number", "address-line1", ""),
    ("postal_code", "postal-code", "Postal code", "postal-code", ""),
    ("city", "city", "City", "address-level2", ""),
    ("state", "state", "State (in the US)", "address-level1", ""),
    ("country", "country", "Country code", "country", "US"),
)
ADDRESS_FIELDS = tuple(field[0] for field in _FIELDS)


def add_address_fields(form: forms.Form) -> None:
    form.fields["line1"] = forms.CharField(
        max_length=200, error_messages={"required": "Enter your street and number."}
    )
    form.fields["postal_code"] = forms.CharField(required=False, max_length=20)
    form.fields["city"] = forms.CharField(max_length=100, error_messages={"required": "Enter your city."})
    form.fields["state"] = forms.CharField(required=False, max_length=20)
    form.fields["country"] = forms.RegexField(
        r"^[A-Z]{2}$",
        error_messages={
            "required": "Enter your country’s code.",
            "invalid": "Enter two letters, such as DE or US.",
        },
    )


def list_address_fields(form: forms.Form) -> list[dict[str, Any]]:
    return list_fields(form, _FIELDS)


def read_address(given: dict[str, Any]) -> Json | None:
    """Return the address among checked fields, as Stripe shows it; None if it wasn't asked for."""
    if "line1" not in given:
        return None
    return make_address(**{name: given[name] or None for name in ADDRESS_FIELDS})
