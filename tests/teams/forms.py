"""The forms of a page, and what each would send."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from django.test import Client

Form = dict[str, str]


class Forms(HTMLParser):
    """The forms of a page by where they post: what each would send."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, Form] = {}
        self.open: Form = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        given = dict(attributes)
        if tag == "form":
            self.open = self.found.setdefault(given.get("action", ""), {})
        elif tag == "input" and given.get("name"):
            self.open[given["name"]] = given.get("value") or ""


def form_on(client: Client, page: str, action: str) -> Form:
    return Forms(client.get(page).content.decode()).found[action]
