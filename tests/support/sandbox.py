"""The local Stripe and OpenID provider as the tests use them: one process, spoken to over HTTP."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

WEBHOOK_SECRET = "whsec_sandboxsandboxsandboxsandbox"


class Refused(AssertionError):
    """The sandbox won't do that as things stand, such as paying an expired session."""


class Sandbox:
    """A running sandbox. ``get``, ``post``, ``patch`` and ``delete`` give the answer's JSON, and raise for an error's
    status.
    """

    def __init__(self, url: str, state: Path | None = None) -> None:
        self.url = url
        self.state = state
        # One connection for all calls, and no look at the environment for proxies: both cost as much as a call.
        self._session = requests.Session()
        self._session.trust_env = False

    def get(self, path: str) -> Any:
        return self._json(self._session.get(self.url + path, timeout=20))

    def post(self, path: str, order: dict[str, Any] | None = None) -> Any:
        return self._json(self._session.post(self.url + path, json=order or {}, timeout=20))

    def patch(self, path: str, order: dict[str, Any]) -> Any:
        return self._json(self._session.patch(self.url + path, json=order, timeout=20))

    def delete(self, path: str) -> Any:
        return self._json(self._session.delete(self.url + path, timeout=20))

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """The raw objects of a type, such as ``product`` or ``checkout.session``."""
        answer = self.get(f"/_sandbox/objects/{kind}")
        return answer if isinstance(answer, list) else answer["data"]

    def change_object(
        self,
        kind: str,
        object_id: str,
        fields: dict[str, Any],
        *,
        without: Sequence[str] = (),
        tell: Sequence[str] = (),
    ) -> Any:
        """Sets any fields of an object, takes those of ``without`` away, and tells of it by the events ``tell``."""
        order = {"fields": fields, "without": list(without), "tell": list(tell)}
        return self.patch(f"/_sandbox/objects/{kind}/{object_id}", order)

    def make_odd(self, kind: str, fields: dict[str, Any], **how: Any) -> Any:
        """Has the next object of a kind come with these fields: ``times``, ``where``, ``without``."""
        return self.post("/_sandbox/oddities", {"object": kind, "fields": fields, **how})

    def pay(self, session_id: str, card: str = "4242424242424242", **extra: Any) -> Any:
        return self.post(f"/_sandbox/checkout/sessions/{session_id}/pay", {"card": card, **extra})

    def pay_later(self, session_id: str) -> Any:
        """Pays by bank debit: the session completes at once, the money settles or fails later."""
        return self.post(f"/_sandbox/checkout/sessions/{session_id}/pay", {"method": "sepa_debit"})

    def pay_again(self, session_id: str, **how: Any) -> Any:
        """Pays again for what a session sold, by a payment that it doesn't name: ``card``, ``wallet``; with
        ``checkout=True`` by another session like it.
        """
        return self.post(f"/_sandbox/checkout/sessions/{session_id}/pay_again", how)

    def discount(self, session_id: str, amount_off: int | None = None) -> Any:
        """Takes so much off an open session, or all of it, as a promotion code does; ``pay`` then completes it."""
        return self.post(f"/_sandbox/checkout/sessions/{session_id}/discount", {"amount_off": amount_off})

    def pay_outright(self, amount: int = 4500, **how: Any) -> Any:
        """Takes a payment without a checkout: ``currency``, ``card``, ``wallet``, ``metadata``, ``description``; with
        ``intent=False`` a charge without a payment intent.
        """
        return self.post("/_sandbox/payments", {"amount": amount, **how})

    def replace_card(self, customer_id: str, card: str = "4242424242424242") -> Any:
        """Gives a customer another default card in place of the old one: ``customer``, ``payment_method``."""
        return self.post(f"/_sandbox/customers/{customer_id}/card", {"card": card})

    def set_expiry(self, method_id: str, exp_month: int, exp_year: int) -> Any:
        """Has a card's bank report another expiry."""
        order = {"exp_month": exp_month, "exp_year": exp_year}
        return self.post(f"/_sandbox/payment_methods/{method_id}/expiry", order)

    def settle(self, session_id: str) -> Any:
        return self.post(f"/_sandbox/checkout/sessions/{session_id}/settle")

    def fail(self, session_id: str) -> Any:
        return self.post(f"/_sandbox/checkout/sessions/{session_id}/fail")

    def expire(self, session_id: str) -> Any:
        return self.post(f"/_sandbox/checkout/sessions/{session_id}/expire")

    def advance(self, seconds: int) -> None:
        """Moves the sandbox's clock: what is due by then happens, each at its own time."""
        self.post("/_sandbox/clock", {"advance_s": seconds})

    def renew(self, subscription_id: str) -> Any:
        """Moves the clock until a subscription was renewed and charged: ``subscription`` and its latest ``invoice``."""
        return self.post(f"/_sandbox/subscriptions/{subscription_id}/renew")

    def succeed_refund(self, refund_id: str) -> Any:
        """The money of a pending refund arrives."""
        return self.post(f"/_sandbox/refunds/{refund_id}/succeed")

    def fail_refund(self, refund_id: str, **why: Any) -> Any:
        """The money of a refund comes back; ``failure_reason`` says why."""
        return self.post(f"/_sandbox/refunds/{refund_id}/fail", why)

    def dispute(self, charge_id: str, **how: Any) -> Any:
        """The buyer's bank takes the money back, or asks: ``reason``, ``amount``, ``currency``, ``exchange_rate``,
        ``inquiry``.
        """
        return self.post(f"/_sandbox/charges/{charge_id}/dispute", how)

    def close_dispute(self, dispute_id: str, status: str) -> Any:
        """The bank decides: ``won``, ``lost``, or ``warning_closed`` for an inquiry."""
        return self.post(f"/_sandbox/disputes/{dispute_id}/close", {"status": status})

    def escalate_dispute(self, dispute_id: str) -> Any:
        """The bank turns its inquiry into a chargeback."""
        return self.post(f"/_sandbox/disputes/{dispute_id}/escalate")

    def set_account(self, **fields: Any) -> Any:
        """Changes the merchant's account: ``id``, ``livemode``, ``live_keys``, ``charges_enabled``,
        ``settlement_currency`` and ``exchange_rates``.
        """
        return self.post("/_sandbox/account", fields)

    def restrict_key(self, key: str, *permissions: str) -> Any:
        """Makes a restricted key with these permissions, such as ``charge_read``, or gives one others."""
        return self.post("/_sandbox/keys", {"key": key, "permissions": list(permissions)})

    def send_event(self, event: dict[str, Any]) -> Any:
        """Sends a whole event, whatever its shape. Gives the site's answer: ``status``, ``body``, ``error``."""
        return self.send_bytes(json.dumps(event).encode())

    def send_bytes(self, body: bytes) -> Any:
        """Sends a signed webhook with this body, even if it is no JSON. Gives the site's answer."""
        return self._json(self._session.post(f"{self.url}/_sandbox/webhooks/send", data=body, timeout=20))

    def hold_webhooks(self) -> None:
        self.post("/_sandbox/webhooks/mode", {"mode": "hold"})

    def release_webhooks(self, **how: Any) -> Any:
        return self.post("/_sandbox/webhooks/release", how)

    def wait_for_webhooks(self) -> None:
        self.post("/_sandbox/webhooks/wait", {"timeout_s": 15})

    def fault(self, **fault: Any) -> None:
        """Breaks the next calls of a route; see the sandbox's ``/_sandbox/faults``."""
        self.post("/_sandbox/faults", fault)

    def calls(self) -> list[dict[str, Any]]:
        """The API calls received since the last reset."""
        answer = self.get("/_sandbox/requests")
        return answer if isinstance(answer, list) else answer["data"]

    def mint(self, username: str = "buyer", **wishes: Any) -> dict[str, str]:
        """An access token and an id token of the provider, valid or wrong as wished."""
        tokens: dict[str, str] = self.post("/_sandbox/openid/token", {"username": username, **wishes})
        return tokens

    @staticmethod
    def _json(response: requests.Response) -> Any:
        if not response.ok:
            said = f"{response.request.method} {response.url}: {response.status_code} {response.text[:500]}"
            raise Refused(said) if response.status_code == 409 else AssertionError(said)
        return response.json()


@contextmanager
def running_sandbox(*arguments: str, state: Path | None = None) -> Iterator[Sandbox]:
    """A sandbox on a free port, with no state but its own, or what a folder keeps; ended afterwards."""
    kept = ["--state", str(state)] if state else []
    command = [sys.executable, "-m", "sandbox", "--port", "0", *kept, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            yield Sandbox(line.split("Sandbox ready: ")[1].strip(), state)
        finally:
            process.terminate()


def point_settings_at(settings: Any, sandbox_url: str, site_url: str) -> None:
    settings.SANDBOX_URL = sandbox_url
    settings.SITE_URL = site_url
    settings.STRIPE_API_BASE = sandbox_url
    settings.STRIPE_API_HOST = sandbox_url
    settings.STRIPE_CHECKOUT_ORIGIN = sandbox_url
    settings.OIDC_ISSUER = f"{sandbox_url}/realms/demo"
    directives = {**settings.CONTENT_SECURITY_POLICY["DIRECTIVES"], "form-action": ["'self'", sandbox_url]}
    settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": directives}
