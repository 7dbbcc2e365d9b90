"""Define the admin's forms for clients and keys."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from accounts.clients.models import ApiClient, ApiKey, Scope
from backoffice.actions import row_of
from core.amounts.form_fields import WholeNumberField

LONGEST_DAYS = 3650


class ScopesChoice(forms.MultipleChoiceField):
    widget = UnfoldAdminCheckboxSelectMultipleWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=Scope.choices, **kwargs)


class ApiClientForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    scopes = ScopesChoice(
        label=_("Scopes"),
        help_text=_("What the client may do, with a token or a key."),
        error_messages={"required": _("Select at least one scope.")},
    )

    class Meta:
        model = ApiClient
        fields = ["name", "oidc_client_id", "scopes", "requests_per_minute", "is_active"]


class NewKeyForm(BaseDialogForm):  # type: ignore[misc]  # unfold is untyped
    """A form for a new key: its name and, optionally, fewer scopes and an expiry."""

    name = forms.CharField(
        label=_("Name"),
        max_length=ApiKey._meta.get_field("name").max_length,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Where it is used, such as production or staging."),
    )
    scopes = ScopesChoice(
        label=_("Scopes"),
        required=False,
        help_text=_("Select none to allow all of the client’s scopes, now and in future."),
    )
    expires_in_days = WholeNumberField(
        label=_("Days valid"),
        required=False,
        min_value=1,
        max_value=LONGEST_DAYS,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Leave blank to keep it valid until revoked."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # The page behind the dialog has its own "name" field.
        super().__init__(*args, auto_id="key_%s", **kwargs)
        granted = row_of(ApiClient, self).scopes
        self.fields["scopes"].choices = [choice for choice in Scope.choices if choice[0] in granted]

    @property
    def expires_at(self) -> datetime | None:
        days = self.cleaned_data["expires_in_days"]
        return timezone.now() + timedelta(days=days) if days else None

    @property
    def chosen_scopes(self) -> list[str] | None:
        return self.cleaned_data["scopes"] or None
