"""Define form fields that parse numbers with `parse_amount`: digits with a point, nothing else that Python accepts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from core.amounts.parsing import NotAnAmount, parse_amount


class AmountField(forms.DecimalField):  # noqa: TID251  # this is what the others are banned for
    """An amount above or below zero; the field's bounds or the rules decide which is allowed."""

    default_error_messages = {"invalid": _("Enter a number such as 2.5, with a point for decimals.")}

    def to_python(self, value: Any) -> Decimal | None:  # type: ignore[override]  # Django's own is of whole numbers
        return None if value in self.empty_values else _plain_number(self, value)


class WholeNumberField(forms.IntegerField):
    default_error_messages = {"invalid": _("Enter a whole number such as 25.")}

    def to_python(self, value: Any) -> int | None:
        return None if value in self.empty_values else super().to_python(f"{_plain_number(self, value):f}")


def _plain_number(field: forms.Field, value: Any) -> Decimal:
    """Return the number in plain digits. Raises ValidationError if it is none."""
    try:
        return parse_amount(str(value), signed=True)
    except NotAnAmount as error:
        raise ValidationError(field.error_messages["invalid"], code="invalid") from error
