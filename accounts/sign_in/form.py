"""Define the form for signing in with a password."""

from __future__ import annotations

import math
from typing import Any, cast

from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.errors import SignInBusy
from accounts.limits.rates import RateLimited
from accounts.limits.requests import address_of
from accounts.sign_in.password_tries import password_try
from core.errors import DomainError


class SignInForm(AuthenticationForm):
    """Django's form with a limit on tries. ``refusal`` is why the password was not checked."""

    refusal: DomainError | None = None

    def clean(self) -> dict[str, Any]:
        if not (self.cleaned_data.get("username") and self.cleaned_data.get("password")):
            return super().clean()
        try:
            with password_try(self.cleaned_data["username"], address_of(cast(HttpRequest, self.request))):
                return super().clean()
        except (RateLimited, SignInBusy) as error:
            self.refusal = error
            raise ValidationError(_explain(error)) from error


def _explain(error: DomainError) -> str:
    if isinstance(error, SignInBusy):
        return _("Many people are signing in right now. Please try again in a few seconds.")
    minutes = math.ceil(error.params["retry_after"] / 60)
    text = ngettext(
        "Too many sign-in attempts. Please try again in a minute.",
        "Too many sign-in attempts. Please try again in %(minutes)s minutes.",
        minutes,
    )
    return text % {"minutes": minutes}
