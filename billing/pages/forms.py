"""Parse the billing page's forms."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from billing.auto_top_up.setting import Standing, Wish
from billing.packages.models import Package
from billing.packages.selectors import packages_on_sale
from core.amounts.form_fields import AmountField
from core.errors import DomainError
from credits.formatting import plain

NO_AMOUNT = _("Enter a number above zero, such as 500.")
AMOUNT_ERRORS = {"required": NO_AMOUNT, "invalid": NO_AMOUNT}
# The field that an error's code is about; others are about the whole form.
FIELDS = {
    "invalid_amount": "threshold",
    "invalid_monthly_limit": "monthly_limit",
    "unknown_package": "package",
    "consent_missing": "consent",
}


class TopUpForm(forms.Form):
    """How automatic top-up is to be: below which balance, what to buy, and how much money a month."""

    threshold = AmountField(error_messages=AMOUNT_ERRORS, localize=False)
    package = forms.ModelChoiceField(
        Package.objects.none(),
        to_field_name="code",
        empty_label=None,
        error_messages={"required": _("Choose one.")},
    )
    monthly_limit = AmountField(error_messages=AMOUNT_ERRORS, localize=False)
    consent = forms.BooleanField(error_messages={"required": _("Please agree first.")})

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["package"].queryset = packages_on_sale().filter(price_minor__gt=0)  # type: ignore[attr-defined]

    @staticmethod
    def values_of(standing: Standing) -> dict[str, Any]:
        row = standing.row
        if row is None:
            return {}
        limit = row.monthly_limit.major
        return {"threshold": plain(row.threshold), "package": row.package_code, "monthly_limit": f"{limit:f}"}

    def wish(self) -> Wish:
        """Return the valid form's wish."""
        data = self.cleaned_data
        return Wish(data["threshold"], data["monthly_limit"], data["package"].code, consents=data["consent"])

    def refuse(self, error: DomainError) -> None:
        self.add_error(FIELDS.get(error.code), error.message)
