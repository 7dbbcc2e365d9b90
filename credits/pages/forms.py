"""Parse the pages' forms. The rules are those of the modules beside this one."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from core.amounts.form_fields import AmountField
from core.errors import DomainError
from credits.errors import InsufficientCredits, InvalidAmount
from credits.formatting import credits_amount
from credits.redemption.codes import LONGEST_INPUT

NO_AMOUNT = gettext_lazy("Enter a number above zero, such as 500 or 2.5.")
AMOUNT_ERRORS = {"required": NO_AMOUNT, "invalid": NO_AMOUNT}


class CreditsForm(forms.Form):
    """A form that shows the rules' errors beside the field that they are about."""

    amount_field = "amount"

    def refuse(self, error: DomainError) -> None:
        field, message = error.params.get("field"), error.message
        if isinstance(error, InvalidAmount):
            field, message = self.amount_field, str(NO_AMOUNT)
        elif isinstance(error, InsufficientCredits):
            field = self.amount_field
            message = _("You need %(missing)s more credits.") % {
                "missing": credits_amount(error.params["missing"])
            }
        self.add_error(field if field in self.fields else None, message)


class GiftForm(CreditsForm):
    email = forms.CharField(
        max_length=254, error_messages={"required": gettext_lazy("Enter the recipient’s email.")}
    )
    amount = AmountField(error_messages=AMOUNT_ERRORS, localize=False)
    message = forms.CharField(required=False, strip=True)


class ThresholdForm(CreditsForm):
    amount_field = "threshold"
    threshold = AmountField(required=False, error_messages=AMOUNT_ERRORS, localize=False)


class RedeemForm(CreditsForm):
    code = forms.CharField(
        max_length=LONGEST_INPUT, error_messages={"required": gettext_lazy("Enter the code.")}
    )
