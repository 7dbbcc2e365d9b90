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
        if value in self.empty_values:
            return None
        try:
            return parse_amount(str(value), signed=True)
        except NotAnAmount as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class WholeNumberField(forms.IntegerField):
    default_error_messages = {"invalid": _("Enter a whole number such as 25.")}

    def to_python(self, value: Any) -> int | None:
        if value in self.empty_values:
            return None
        try:
            number = parse_amount(str(value), signed=True)
        except NotAnAmount as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error
        return super().to_python(f"{number:f}")
