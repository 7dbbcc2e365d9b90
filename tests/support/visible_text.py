"""The text that a page shows or reads out, and which of it is words to translate."""

from __future__ import annotations

import re
from html.parser import HTMLParser

SPOKEN_ATTRIBUTES = {
    "alt",
    "aria-label",
    "aria-description",
    "placeholder",
    "title",
    "value",
    "content",
    "label",
}
UNSPOKEN_ELEMENTS = {"script", "style"}
INTERNATIONAL = {"UTC"}
WORD = re.compile(r"[^\W\d_]{2,}")


class VisibleText(HTMLParser):
    """Collects what a page would show or read out of the text that is given."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in UNSPOKEN_ELEMENTS
        given = dict(attrs)
        # What is sent or read by machines only.
        silent = (
            {"value"}
            if given.get("type") in {"hidden", "radio", "checkbox"} or tag in {"option", "button"}
            else set()
        )
        silent |= (
            {"content"}
            if given.get("name") in {"viewport", "color-scheme", "htmx-config"} or "http-equiv" in given
            else set()
        )
        for name, value in given.items():
            if name in SPOKEN_ATTRIBUTES - silent and value:
                self.found.append(value)

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in UNSPOKEN_ELEMENTS

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append(data)
