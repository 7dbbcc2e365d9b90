"""Edit the name and description of what is for sale in every other language."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from backoffice.display import EMPTY
from billing.texts import LONGEST, TranslatedTexts, other_languages

LABELS = {"name": _("Name"), "description": _("Description")}
FIELDS = [f"{what}_{code}" for code in other_languages() for what in LONGEST]
FIELDSET = (
    _("Other languages"),
    {
        "fields": FIELDS,
        "description": _("What is left blank is shown in the site’s language."),
    },
)


def _label(what: str, language: str) -> Any:
    return format_lazy("{what} ({language})", what=LABELS[what], language=language)


def _reader(what: str, code: str, language: str) -> Any:
    @display(description=_label(what, language))
    def read(admin: Any, row: TranslatedTexts) -> str:
        return row.texts.get(code, {}).get(what) or EMPTY

    return read


class TextsAdmin:
    """A mixin that shows the texts to those with view permission only, for whom the form has no fields."""

    for _code, _language in other_languages().items():
        for _what in LONGEST:
            vars()[f"{_what}_{_code}"] = _reader(_what, _code, _language)


class TextsForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """A form with a field for each text in each other language."""

    # Declared here, as the admin asks the class which fields there are.
    for _code, _language in other_languages().items():
        for _what, _most in LONGEST.items():
            vars()[f"{_what}_{_code}"] = forms.CharField(
                label=_label(_what, _language),
                max_length=_most,
                required=False,
                widget=UnfoldAdminTextInputWidget(attrs={"lang": _code, "dir": "auto"}),
            )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for code, of_language in self.instance.texts.items():
            for what, text in of_language.items():
                self.initial[f"{what}_{code}"] = text

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors and self.fields.keys() >= set(
            FIELDS
        ):  # absent for those with view permission only
            self.instance.texts = {**self._kept(), **self._entered(data)}
        return data

    def _entered(self, data: dict[str, Any]) -> dict[str, dict[str, str]]:
        entered = {
            code: {what: data[f"{what}_{code}"] for what in LONGEST if data[f"{what}_{code}"]}
            for code in other_languages()
        }
        return {code: of_language for code, of_language in entered.items() if of_language}

    def _kept(self) -> dict[str, dict[str, str]]:
        """Return the texts in languages that the site doesn't offer at present."""
        return {code: texts for code, texts in self.instance.texts.items() if code not in other_languages()}
