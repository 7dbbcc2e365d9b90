"""A pseudo-language, ``en-xa``: English with accents, in brackets and longer, made from the source as it is asked for.

What isn't marked for translation stays plain, what is glued from pieces has several pairs of brackets, and what has no
room for German is cut off.
"""

from __future__ import annotations

import gettext
import math
import re

from django.utils.translation import trans_real

CODE, NAME = "en-xa", "[Þšéûðö]"
ACCENTED = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "åƀçðéƒĝĥîĵķļɱñöþǫŕšţûṽŵẋýžÅƁÇÐÉƑĜĤÎĴĶĻṀÑÖÞǪŔŠŢÛṼŴẊÝŽ",
)
# What code fills in, tags and entities, and addresses stay as they are.
FIXED = re.compile(r"(%\(\w+\)[#0 +-]*\d*(?:\.\d+)?\w|%[sdif%]|\{\w*\}|<[^>]*>|&#?\w+;|https?://\S+)")
LONGER_BY, WORD = 0.4, 6


def pseudo(text: str) -> str:
    """Return the text in the pseudo-language."""
    if not text.strip():
        return text
    parts = FIXED.split(text)
    told = "".join(part if place % 2 else part.translate(ACCENTED) for place, part in enumerate(parts))
    padding = "~" * math.ceil(LONGER_BY * sum(map(len, parts[::2])))
    if " " in text:  # as words, which wrap
        padding = " ".join(padding[start : start + WORD] for start in range(0, len(padding), WORD))
    return f"[{told}{padding}]"


class PseudoLanguage(gettext.NullTranslations):
    """Every message, Django's own too."""

    def gettext(self, message: str) -> str:
        return pseudo(message.split(trans_real.CONTEXT_SEPARATOR)[-1])

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        return self.gettext(singular if number == 1 else plural)

    def to_language(self) -> str:
        return CODE

    language = to_language


def install() -> None:
    """Let Django find it. Its formats are English, and the language must be in ``LANGUAGES``."""
    trans_real._translations[CODE] = PseudoLanguage()  # type: ignore[attr-defined]  # Django's cache of them
