"""Shows pages and mails in the pseudo-language, so that each plain word is one that no translator could reach.

People and things in such tests have numbers for names.
"""

from __future__ import annotations

import re
from typing import Any

from dev import pseudo_language
from tests.support.visible_text import INTERNATIONAL, WORD

PSEUDO = pseudo_language.CODE
ADDRESSES = re.compile(
    r"https?://\S+|\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}\b|\b(?:pi|re|cs|du)_\w+|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)
PLAIN = re.compile(r"[A-Za-z]")


def offer_pseudo_language(settings: Any) -> None:
    """Make it one of the languages. Django forgets it with the settings."""
    settings.LANGUAGES = [*settings.LANGUAGES, (PSEUDO, pseudo_language.NAME)]
    pseudo_language.install()


def untranslated(text: str, names: frozenset[str] = frozenset()) -> list[str]:
    """The words in plain letters, except names."""
    words = WORD.findall(ADDRESSES.sub("", text))
    return [word for word in words if PLAIN.search(word) and word not in INTERNATIONAL | names]
