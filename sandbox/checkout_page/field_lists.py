"""List form fields with what their templates need."""

from typing import Any

from django import forms

_NAMES = ("id", "label", "autocomplete", "placeholder")


def list_fields(form: forms.Form, fields: tuple[tuple[str, ...], ...]) -> list[dict[str, Any]]:
    """List those of the fields, given as name, id, label, autocomplete and placeholder, that this form has."""
    return [
        {"field": form[name], **dict(zip(_NAMES, rest, strict=True))}
        for name, *rest in fields
        if name in form.fields
    ]
