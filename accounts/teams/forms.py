"""Parse the forms of the team pages. The rules are in the neighbouring modules."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.teams.caps import Cap, cap_of
from accounts.teams.errors import TeamError
from accounts.teams.models import NAME_LENGTH, Membership, Period, Role
from core.amounts.form_fields import AmountField

NO_NAME = {"required": gettext_lazy("Enter a team name.")}
NO_EMAIL = {"required": gettext_lazy("Enter the email address to invite.")}
NO_NUMBER = {"invalid": gettext_lazy("Enter a number such as 500 or 2.5, or leave blank for no limit.")}
GIVEN_ROLES = [(Role.MEMBER.value, Role.MEMBER.label), (Role.ADMIN.value, Role.ADMIN.label)]


class TeamForm(forms.Form):
    """A form that shows a rule's refusal beside the field concerned."""

    def refuse(self, error: TeamError) -> None:
        field = error.params.get("field")
        self.add_error(field if field in self.fields else None, error.message)


class NameForm(TeamForm):
    name = forms.CharField(max_length=NAME_LENGTH, error_messages=NO_NAME)


class CapForm(TeamForm):
    cap = AmountField(required=False, error_messages=NO_NUMBER, localize=False)
    period = forms.ChoiceField(choices=Period.choices, initial=Period.MONTH)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if "cap" in data and "period" in data:
            try:
                data["parsed"] = cap_of(data["cap"], data["period"])
            except TeamError as error:
                self.refuse(error)
        return data

    @property
    def parsed_cap(self) -> Cap | None:
        """Return the requested cap; None: no cap."""
        cap: Cap | None = self.cleaned_data["parsed"]
        return cap


class InviteForm(CapForm):
    email = forms.CharField(error_messages=NO_EMAIL)
    role = forms.ChoiceField(choices=GIVEN_ROLES, initial=Role.MEMBER)


class RoleForm(TeamForm):
    role = forms.ChoiceField(choices=GIVEN_ROLES)


def cap_form_of(membership: Membership) -> CapForm:
    """Return the form filled with a member's cap."""
    cap = "" if membership.cap is None else f"{membership.cap.normalize():f}"
    return CapForm(initial={"cap": cap, "period": membership.cap_period or Period.MONTH})


def first_error(form: forms.Form) -> str:
    """Return the first error of a form that isn't shown again."""
    for errors in form.errors.values():
        return str(errors[0])
    return _("Please check your entries.")
