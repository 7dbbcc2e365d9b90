"""A browser without scripts, which follows the provider's pages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urljoin

import requests


@dataclass
class Browser:
    """Follows redirects and keeps cookies; `site` is the application."""

    site: str
    http: requests.Session = field(default_factory=requests.Session)

    def get(self, url: str, **options: Any) -> requests.Response:
        return self.http.get(urljoin(self.site, url), timeout=10, **options)

    def submit(
        self, page: requests.Response, url: str | None = None, *, follow: bool = True, **fields: str
    ) -> requests.Response:
        """Send the first form of a page, with these fields filled in."""
        form = re.search(r"<form.*?</form>", page.text, re.DOTALL)
        assert form, page.text
        data = {**_read_hidden(form[0]), **fields}
        address = urljoin(page.url, url or _read_action(form[0]) or page.url)
        return self.http.post(address, data, timeout=10, allow_redirects=follow)

    def open_provider(self, next_url: str = "") -> requests.Response:
        """As far as the provider's sign-in page."""
        return self.get("/oidc/authenticate/", params={"next": next_url} if next_url else {})

    def sign_in(self, username: str = "buyer", next_url: str = "") -> requests.Response:
        """All the way, to the page after the callback."""
        page = self.open_provider(next_url)
        if not page.url.startswith(self.site):
            page = self.submit(page, username=username, password=username)
        return page

    def session_key(self) -> str | None:
        return self.http.cookies.get("credits_session")


def _read_hidden(form: str) -> dict[str, str]:
    pairs = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: unescape(value) for name, value in pairs}


def _read_action(form: str) -> str:
    match = re.search(r'action="([^"]+)"', form)
    return unescape(match[1]) if match else ""
