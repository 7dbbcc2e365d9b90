"""Visit the site as its proxy would pass requests on: over HTTP, for its own name, saying that it was HTTPS."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from dev.image.base import ImageTestError
from dev.image.neighbours import HOST

PATIENCE_S = 60


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        return json.loads(self.body)

    def must_be(self, *statuses: int) -> Answer:
        if self.status not in statuses:
            raise ImageTestError(f"Answered {self.status}, not {statuses[0]}: {self.text[:1500]}")
        return self


@dataclass
class Visitor:
    """Keeps cookies, and sends them although this last stretch isn't HTTPS."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask("GET", path, None, headers)

    def post(self, path: str, form: dict[str, str]) -> Answer:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self._ask("POST", path, urlencode(form).encode(), headers)

    def post_json(self, path: str, value: Any, **headers: str) -> Answer:
        return self._ask(
            "POST", path, json.dumps(value).encode(), {"Content-Type": "application/json", **headers}
        )

    def sign_in(self, name: str, password: str) -> None:
        page = self.get("/accounts/login/").must_be(200)
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
        token = found[1] if found else ""
        self.post(
            "/accounts/login/", {"csrfmiddlewaretoken": token, "username": name, "password": password}
        ).must_be(302)

    @contextmanager
    def idle_connection(self) -> Iterator[None]:
        """Keep a connection open on which one request was answered."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        connection.request("GET", "/health/live", headers={"Host": HOST})
        connection.getresponse().read()
        try:
            yield
        finally:
            connection.close()

    def _ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        proxied = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
        browser = {
            "Origin": f"https://{HOST}",
            "Cookie": cookies,
            "X-CSRFToken": self.cookies.get("credits_csrf", ""),
        }
        sent = {**proxied, **({} if "Authorization" in named else browser), **named}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request(method, path, body, {name: value for name, value in sent.items() if value})
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.split(";")[0].partition("=")
            self.cookies[name] = value
        return answer
