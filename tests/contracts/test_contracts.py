"""Plays what each older client was promised, over HTTP, from the files beside this one.

A file is one client's story: `settings` for the whole of it, then steps in their order. A step may `pay` a session.
Then it has a `request`, signed in by token (`as`) or session cookie (`page`), or Stripe's own (`event`: the newest of
this type, signed); or it looks at the newest object of a type at Stripe (`stripe`). `body` is compared whole: "<text>",
"<url>", "<number>" and "<any>" stand for a value of this kind, "<text:name>" keeps it as {name} for later steps, and
"…" lets more follow. Of a page, `at` is where it ends up and `text` what it says.
"""

from __future__ import annotations

import html
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from accounts.models import User
from tests.billing.calling import browser_of, last_event, signature_of
from tests.support.builders import let_ask_again, put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
CONTRACTS = sorted(Path(__file__).parent.glob("*.toml"))
MORE = "…"
PLACEHOLDER = re.compile(r"<(\w+)(?::(\w+))?>")
KINDS: dict[str, Callable[[Any], bool]] = {
    "any": lambda found: True,
    "text": lambda found: isinstance(found, str) and found != "",
    "url": lambda found: isinstance(found, str) and found.startswith("http"),
    "number": lambda found: isinstance(found, int | float) and not isinstance(found, bool),
}


class Player:
    """Plays a client's steps, and remembers what it was told to keep."""

    def __init__(self, site: str, sandbox: Sandbox) -> None:
        self.site, self.sandbox = site, sandbox
        self.kept = {"site": site}

    def play(self, step: dict[str, Any]) -> None:
        if "pay" in step:
            self.sandbox.pay(self._filled(step["pay"]))
            let_ask_again()
        if "stripe" in step:
            newest = self.sandbox.objects(step["stripe"])[-1]
            self._compare(json.loads(self._filled(step["body"])), newest, step["stripe"])
            return
        answer = self._ask(step)
        assert answer.status_code == step["status"], answer.text
        if "body" in step:
            self._compare(json.loads(self._filled(step["body"])), answer.json(), "body")
        if "at" in step:
            assert answer.url.removeprefix(self.site).partition("?")[0] == step["at"]
        page = html.unescape(answer.text)
        assert not [text for text in step.get("text", []) if text not in page]

    def _ask(self, step: dict[str, Any]) -> requests.Response:
        method, path = self._filled(step["request"]).split(" ", 1)
        body, headers, cookies = self._filled(step.get("send", "")).encode(), {}, {}
        if "event" in step:
            body = json.dumps(last_event(self.sandbox, step["event"])).encode()
            headers["Stripe-Signature"] = signature_of(body)
        if "as" in step:
            headers["Authorization"] = f"Bearer {self._token(step['as'])}"
        if "page" in step:
            cookies = self._session(step["page"])
        if body:
            headers["Content-Type"] = "application/json"
        return requests.request(
            method, self.site + path, data=body, headers=headers, cookies=cookies, timeout=20
        )

    def _token(self, username: str) -> str:
        token: str = self.sandbox.post("/_sandbox/openid/token", {"username": username})["access_token"]
        return token

    def _session(self, username: str) -> dict[str, str]:
        """Sign in the person of the provider's token: their first call makes them known."""
        headers = {"Authorization": f"Bearer {self._token(username)}"}
        requests.get(
            f"{self.site}/api/v1/billing/credits/balance", headers=headers, timeout=20
        ).raise_for_status()
        cookies = browser_of(User.objects.get(username=username)).cookies
        return {name: cookie.value for name, cookie in cookies.items()}

    def _filled(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: self.kept.get(found[1], found[0]), text)

    def _compare(self, promised: Any, found: Any, where: str) -> None:
        if isinstance(promised, dict):
            assert isinstance(found, dict), (where, found)
            names = promised.keys() - {MORE}
            surplus = found.keys() - names if MORE not in promised else set()
            assert not names - found.keys() | surplus, (where, found)
            for name in names:
                self._compare(promised[name], found[name], f"{where}.{name}")
        elif isinstance(promised, list):
            wanted = [each for each in promised if each != MORE]
            assert len(found) == len(wanted) or (MORE in promised and len(found) > len(wanted)), (
                where,
                found,
            )
            for place, each in enumerate(wanted):
                self._compare(each, found[place], f"{where}.{place}")
        elif isinstance(promised, str) and (placeholder := PLACEHOLDER.fullmatch(promised)):
            kind, name = placeholder.groups()
            assert KINDS[kind](found), (where, found)
            if name:
                self.kept[name] = found
        else:
            assert (type(found), found) == (type(promised), promised), where


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_an_older_clients_promises_are_kept(
    path: Path, sandbox: Sandbox, live_server: Any, settings: Any
) -> None:
    contract = tomllib.loads(path.read_text())
    for name, value in contract.get("settings", {}).items():
        setattr(settings, name, value)
    put_on_sale()
    sandbox.hold_webhooks()
    player = Player(live_server.url, sandbox)
    for step in contract["step"]:
        try:
            player.play(step)
        except AssertionError as error:
            raise AssertionError(f"{path.stem}: {step['promise']}: {error}") from error


def test_each_of_the_three_clients_has_a_contract() -> None:
    assert {path.stem for path in CONTRACTS} == {"admin_credits", "billing_api", "web_front_end"}
