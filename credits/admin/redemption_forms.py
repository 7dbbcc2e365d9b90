"""Define the form of a batch of codes. The rules are in `credits.redemption`."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from credits.admin.forms import end_of
from credits.redemption.errors import InvalidBatch
from credits.redemption.making import BatchTerms, NewBatch, checked_batch
from credits.redemption.models import CodeBatch


class CodeBatchForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Takes the terms of a new batch, with a last day for its expiry."""

    terms: BatchTerms
    new: NewBatch  # once it is saved

    last_day = forms.DateField(
        label=_("Last day"),
        required=False,
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
        help_text=_("Codes can be redeemed until the end of this day. Leave blank for no expiry."),
    )
    form_key = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    class Meta:
        model = CodeBatch
        fields = ["name", "credits", "count", "uses", "validity_days", "reason"]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors:
            self.terms = BatchTerms(
                name=data["name"],
                credits=data["credits"],
                count=data["count"],
                reason=data["reason"],
                key=data["form_key"],
                uses=data["uses"],
                expires_at=end_of(data["last_day"]),
                validity_days=data["validity_days"],
            )
            try:
                checked_batch(self.terms, None)
            except InvalidBatch as error:
                field = {"expires_at": "last_day"}.get(error.params["field"], error.params["field"])
                self.add_error(field, error.message)
        return data
