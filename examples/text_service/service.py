"""Write texts and charge for them: estimate, hold, work, capture. The model is a toy; the charge is real.

`write_text` is what matters; the rest is a small web server around it. README.md says how to run it.
"""

from __future__ import annotations

import json
import os
import random
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from prepaid_credits import Captured, CreditsClient, CreditsError, InsufficientCredits, NotAuthenticated

CREDITS_URL = os.environ.get("CREDITS_URL", "http://localhost:8000")
TOKEN_URL = os.environ.get("TOKEN_URL", "http://localhost:8001/realms/demo/protocol/openid-connect/token")
PORT = int(os.environ.get("PORT", "8200"))

MODEL = "chat-small"
MOST_WORDS = 200
LONGEST_WORK_S = 120
LARGEST_REQUEST = 100_000
WORDS = ["sea", "wave", "salt", "light", "wind", "over", "under", "and", "slow", "blue", "cold", "home"]


class TooFewCredits(Exception):
    """The user can't afford the longest possible answer."""

    def __init__(self, missing: Decimal, buy_url: str) -> None:
        super().__init__(f"{missing:f} credits are missing.")
        self.missing = missing
        self.buy_url = buy_url


class WorkFailed(Exception):
    """The model failed in the middle of its work."""


def write_text(client: CreditsClient, user_token: str, prompt: str) -> tuple[str, Captured]:
    """Write a text and charge the user for the usage, or nothing if the work fails. Return the text and the charge.

    Raises:
        TooFewCredits: before any work is done.
        NotAuthenticated: if the token isn't valid.
        WorkFailed: after releasing the hold.
    """
    # For the longest possible answer: users must be able to afford what they get.
    estimate = client.estimate_for_user(user_token, prompt, MODEL, expected_output_tokens=MOST_WORDS)
    account = client.balance_of_user(user_token).account
    if account is None or not estimate.affordable:
        raise TooFewCredits(estimate.missing, estimate.buy_url)
    try:
        hold = client.hold(
            account, estimate.credits, expires_in=LONGEST_WORK_S, reference=f"Text: {prompt[:80]}"
        )
    except InsufficientCredits as short:  # spent elsewhere meanwhile
        raise TooFewCredits(short.missing, short.buy_url) from short
    with hold:
        words = run_model(prompt)
        usage = {"input_tokens": estimate.input_tokens, "output_tokens": len(words)}
        charged = hold.capture(model=MODEL, usage=usage)
    return " ".join(words), charged


def run_model(prompt: str) -> list[str]:
    """Stand in for a real model. A prompt with the word "fail" shows what a failure costs."""
    words = random.choices(WORDS, k=random.randint(MOST_WORDS // 4, MOST_WORDS))  # noqa: S311 - no secrets, just words
    if "fail" in prompt.lower():
        raise WorkFailed
    return words


@dataclass(frozen=True)
class Reply:
    status: HTTPStatus
    message: str
    fields: dict[str, str]


def reply_to(client: CreditsClient, user_token: str, prompt: str) -> Reply:
    """Return the answer for the user."""
    if not prompt.strip():
        return Reply(HTTPStatus.BAD_REQUEST, "Enter a topic for the text.", {})
    try:
        text, charged = write_text(client, user_token, prompt)
    except TooFewCredits as short:
        fields = {"missing": f"{short.missing:f}", "buy_url": short.buy_url}
        return Reply(HTTPStatus.PAYMENT_REQUIRED, f"You don't have enough credits: {short}", fields)
    except NotAuthenticated:
        return Reply(HTTPStatus.UNAUTHORIZED, "Your token is missing or expired. Sign in again.", {})
    except WorkFailed:
        return Reply(HTTPStatus.INTERNAL_SERVER_ERROR, "The work failed. You were not charged.", {})
    except CreditsError as error:
        print(f"credits: {error!r}", flush=True)
        return Reply(
            HTTPStatus.SERVICE_UNAVAILABLE, "Credits can't be charged right now. Try again later.", {}
        )
    fields = {"cost": f"{charged.amount:f}", "balance": f"{charged.balance_after:f}"}
    return Reply(HTTPStatus.OK, text, fields)


# --- The web server -------------------------------------------------------------------------------------------------

HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Texts</title>'
FORM = """<form method="post" action="/texts">
<p><label>Your access token <input name="token" type="password" size="60"></label></p>
<p><label>Write about <input name="prompt" size="60"></label></p><button>Write</button></form>"""


def page_of(reply: Reply) -> str:
    lines = [f"<p>{escape(reply.message)}</p>"]
    if "cost" in reply.fields:
        lines.append(
            f"<p>This cost {reply.fields['cost']} credits. Your balance is {reply.fields['balance']}.</p>"
        )
    if "buy_url" in reply.fields:
        lines.append(f'<p><a href="{escape(reply.fields["buy_url"])}">Buy credits</a></p>')
    return "\n".join(lines)


class Handler(BaseHTTPRequestHandler):
    client: CreditsClient

    def do_GET(self) -> None:
        self._send(HTTPStatus.OK, "text/html", HEAD + FORM)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST_REQUEST:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        body = self.rfile.read(length).decode(errors="replace")
        is_form = self.headers.get_content_type() == "application/x-www-form-urlencoded"
        asked = read_form(body) if is_form else read_object(body)
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            token = str(asked.get("token", ""))
        reply = reply_to(self.client, token, str(asked.get("prompt", "")))
        if is_form:
            self._send(reply.status, "text/html", HEAD + page_of(reply))
        else:
            text = json.dumps({"message": reply.message, **reply.fields})
            self._send(reply.status, "application/json", text)

    def _send(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def read_form(body: str) -> dict[str, Any]:
    return {name: values[-1] for name, values in parse_qs(body).items()}


def read_object(body: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def main() -> None:
    """Serve until interrupted."""
    with CreditsClient(
        CREDITS_URL,
        client_id=os.environ.get("CLIENT_ID", "service"),
        client_secret=os.environ.get("CLIENT_SECRET", "service"),
        token_url=TOKEN_URL,
    ) as client:
        Handler.client = client
        with ThreadingHTTPServer(("127.0.0.1", PORT), Handler) as server:
            print(f"Ready: http://localhost:{server.server_port}", flush=True)
            try:
                server.serve_forever()
            except KeyboardInterrupt:
                print("Stopping ...", flush=True)


if __name__ == "__main__":
    main()
