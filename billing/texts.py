"""Keep the name and description of what is for sale in every language.

Both are in a JSON column of their row, so that reading the texts takes no further query.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import CharField, F, Func, Value
from django.db.models.lookups import Exact
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

LONGEST = {"name": 100, "description": 500}


class TranslatedTexts(models.Model):
    """A name and a description in the site's language, and in others: ``{"de": {"name": "Starterpaket"}}``.

    Purchases, receipts and Stripe have the name in the site's language: it is the one that staff know.
    """

    name = models.CharField(_("name"), max_length=LONGEST["name"])
    description = models.CharField(_("description"), max_length=LONGEST["description"], blank=True)
    texts = models.JSONField(_("texts in other languages"), default=dict, db_default={}, blank=True)

    class Meta:
        abstract = True

    @property
    def shown_name(self) -> str:
        """Return the name in the reader's language, if there is one."""
        return self._shown("name")

    @property
    def shown_description(self) -> str:
        return self._shown("description")

    def _shown(self, what: str) -> str:
        of_language = self.texts.get(get_language() or settings.LANGUAGE_CODE, {})
        return str(of_language.get(what) or getattr(self, what))


def texts_are_an_object(name: str) -> models.CheckConstraint:
    """Return a constraint of this name for the texts."""
    kind = Func(F("texts"), function="jsonb_typeof", output_field=CharField())
    return models.CheckConstraint(condition=Exact(kind, Value("object")), name=name)


def other_languages() -> dict[str, str]:
    """Return the languages that texts can be translated into, by code."""
    return {code: name for code, name in settings.LANGUAGES if code != settings.LANGUAGE_CODE}


def mistakes_in(texts: Any) -> list[str]:
    """Return what is wrong with texts from a file; empty if nothing is."""
    if not isinstance(texts, dict):
        return ["write them as a table for each language, such as [package.texts.de] or [plan.texts.de]"]
    return [mistake for code, of_language in texts.items() for mistake in _mistakes_of(code, of_language)]


def _mistakes_of(code: str, of_language: Any) -> list[str]:
    if code not in other_languages():
        return [f"{code!r} is not one of {', '.join(sorted(other_languages()))}"]
    if not isinstance(of_language, dict) or of_language.keys() - LONGEST.keys():
        return [f"{code}: write name and description"]
    return [
        f"{code}: {what} is not a text of up to {LONGEST[what]} characters"
        for what, text in of_language.items()
        if not isinstance(text, str) or len(text) > LONGEST[what]
    ]
