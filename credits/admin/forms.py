"""Forms of the ledger's dialogs. The rules are in `credits.adjustments`."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any, cast
from uuid import uuid4

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from accounts.models import User
from core.amounts.form_fields import AmountField
from credits.adjustments.adjusting import Terms, checked, require_time_left
from credits.adjustments.limits import allowance_of, in_words
from credits.adjustments.models import LONGEST_REASON
from credits.amounts import QUANTUM
from credits.errors import InvalidEntry, LedgerError

GIVE, TAKE = "give", "take"


def reason_field(help_text: Any) -> forms.CharField:
    return forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=LONGEST_REASON,
        widget=UnfoldAdminTextInputWidget,
        help_text=help_text,
    )


def key_field() -> forms.CharField:
    """Return the key of a dialog: submitting it twice takes effect once."""
    return forms.CharField(widget=forms.HiddenInput, initial=uuid4)


class ReasonForm(BaseDialogForm):  # type: ignore[misc]  # unfold is untyped
    """Asks for a reason, which the page's history keeps."""

    reason = reason_field(gettext_lazy("Stored in this page’s history with your name."))


class UndoForm(BaseDialogForm):  # type: ignore[misc]  # unfold is untyped
    """Asks for a reason to undo."""

    key = key_field()
    reason = reason_field(gettext_lazy("The customer sees this on their statement."))


class AdjustForm(BaseDialogForm):  # type: ignore[misc]  # unfold is untyped
    """Adds credits to an account or removes them."""

    key = key_field()
    what = forms.ChoiceField(
        label=gettext_lazy("Action"),
        choices=[(GIVE, gettext_lazy("Add credits")), (TAKE, gettext_lazy("Remove credits"))],
        widget=UnfoldAdminSelectWidget,
    )
    amount = AmountField(
        label=gettext_lazy("Credits"), min_value=QUANTUM, widget=UnfoldAdminDecimalFieldWidget
    )
    reason = reason_field(gettext_lazy("The customer sees this on their statement."))
    reference = forms.CharField(
        label=gettext_lazy("Reference"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Such as a ticket number; also shown on the statement."),
    )
    last_day = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text=gettext_lazy("Credits can be spent until the end of this day; leave blank for no expiry."),
    )
    promotional = forms.BooleanField(
        label=gettext_lazy("Promotional"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=gettext_lazy("Free credits, spent before purchased ones."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].help_text = in_words(allowance_of(cast(User, self.request.user)))

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.terms = checked(_terms(data))
                require_time_left(self.terms.expires_at)
            except LedgerError as error:
                self._refuse(error)
        return data

    def _refuse(self, error: LedgerError) -> None:
        field = error.params.get("field", "amount" if isinstance(error, InvalidEntry) else "")
        field = "last_day" if field == "expires_at" else field
        self.add_error(field if field in self.fields else None, error.message)


def _terms(data: dict[str, Any]) -> Terms:
    return Terms(
        amount=data["amount"] if data["what"] == GIVE else -data["amount"],
        reason=data["reason"],
        key=data["key"],
        reference=data["reference"],
        promotional=data["promotional"],
        expires_at=end_of(data["last_day"]),
    )


def end_of(day: date | None) -> datetime | None:
    """Return the end of the day in the time zone of the member of staff, as pages show it."""
    return None if day is None else datetime.combine(day, time.max, tzinfo=timezone.get_current_timezone())
