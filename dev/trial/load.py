"""Spend, hold, buy and read through HAProxy, as services and buyers do: what fails is repeated with its key."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import requests

from dev.trial.log import NO_ANSWER, Attempt, Log, now

SPENDS = "/api/v1/credits/spends"
HOLDS = "/api/v1/credits/holds"
BILLING = "/api/v1/billing/credits"
CARD = "4242424242424242"
TIMEOUT_S = 70  # longer than HAProxy's own
PAUSE_AFTER_FAILURE_S = 0.2
BUYERS = ("buyer", "buyer2")
PATIENCE_S = 120
TOKEN_LASTS_S = 200
CAPTURED = "1.5"
# A hold, its capture and a look, each with a last attempt that begins just before its time is up.
LONGEST_CALL_S = 3 * (PATIENCE_S + TIMEOUT_S)


class Unexpected(Exception):
    """An answer that should never come, or none in time."""


def expect(what: str, answer: requests.Response, status: int) -> requests.Response:
    """Return the answer. Raises Unexpected if it has another status."""
    if answer.status_code != status:
        raise Unexpected(f"{what}: {answer.status_code} {answer.text[:200]}")
    return answer


class Caller:
    """One thread's session with the site."""

    def __init__(self, site: str, log: Log) -> None:
        self.site = site
        self.log = log
        self.session = requests.Session()
        self.session.headers["Accept-Language"] = "en"

    def once(self, kind: str, method: str, path: str, **request: Any) -> requests.Response | None:
        """Send it once and log it. Returns None if there was no answer."""
        begun = now()
        try:
            answer = self.session.request(method, self.site + path, timeout=TIMEOUT_S, **request)
        except requests.RequestException:
            self.log.add(Attempt(kind, begun, now() - begun, NO_ANSWER))
            return None
        self.log.add(Attempt(kind, begun, now() - begun, answer.status_code))
        return answer

    def until_answered(self, kind: str, method: str, path: str, **request: Any) -> requests.Response:
        """Repeat it until it is answered with anything but a failure. Raises Unexpected when that takes too long."""
        deadline = now() + PATIENCE_S
        while now() < deadline:
            answer = self.once(kind, method, path, **request)
            if answer is not None and answer.status_code < 500 and answer.status_code != 429:
                return answer
            time.sleep(PAUSE_AFTER_FAILURE_S)
        raise Unexpected(f"{kind}: no answer within {PATIENCE_S} s")


class Load:
    """Threads that call the site, each so many times a second, until they are stopped.

    Whatever a call shouldn't have answered or raised is noted as an oddity, and its thread goes on. ``planned`` says
    how many requests of a kind should succeed in a second if the site answered at once.
    """

    def __init__(self, site: str, sandbox: str, key: str, accounts: list[str], log: Log) -> None:
        self.site = site
        self.sandbox = sandbox
        self.accounts = accounts
        self.log = log
        self.authorization = {"Authorization": f"Bearer {key}"}
        self._over = Event()
        self._threads: list[Thread] = []
        self.planned: dict[str, float] = {}

    def start(self, *, spenders: int, a_second: float) -> None:
        for _ in range(spenders):
            self._run(self._spend, 1 / a_second, "spend")
        self._run(self._hold_and_capture, 1.0, "hold", "capture", "own entries")
        self._run(self._read, 0.5, "read", "read")
        for name in BUYERS:
            self._run(self._buyer(name), 2.0, "purchase")

    def stop(self) -> None:
        """End it when each thread has finished what it is doing; one that ended before, or never does, is an oddity."""
        for thread in self._threads:
            if not thread.is_alive():
                self.log.note_oddity(f"{thread.name}: the thread ended before it was stopped")
        self._over.set()
        deadline = now() + LONGEST_CALL_S
        for thread in self._threads:
            thread.join(max(0, deadline - now()))
            if thread.is_alive():
                self.log.note_oddity(f"{thread.name}: the thread hangs")

    def _run(self, do: Callable[[Caller], None], every_s: float, *kinds: str) -> None:
        for kind in kinds:
            self.planned[kind] = self.planned.get(kind, 0) + 1 / every_s
        thread = Thread(target=self._repeat, args=(do, every_s, kinds[0]), name=kinds[0], daemon=True)
        self._threads.append(thread)
        thread.start()

    def _repeat(self, do: Callable[[Caller], None], every_s: float, name: str) -> None:
        caller = Caller(self.site, self.log)
        while not self._over.wait(random.uniform(0.5, 1.5) * every_s):  # noqa: S311
            try:
                do(caller)
            except Unexpected as oddity:
                self.log.note_oddity(str(oddity))
            except Exception as error:  # noqa: BLE001 - whatever it is, the trial fails, and the load goes on
                self.log.note_oddity(f"{name}: {type(error).__name__}: {error}")

    # --- What they do -----------------------------------------------------------------------------------------

    def _spend(self, caller: Caller) -> None:
        account, key = random.choice(self.accounts), f"s-{uuid.uuid4()}"  # noqa: S311
        amount = f"0.{random.randint(1, 99):02}"  # noqa: S311
        answer = self._post(caller, "spend", SPENDS, key, {"account": account, "amount": amount})
        expect("spend", answer, 201)
        self.log.acknowledge_spend(account, key, amount)

    def _hold_and_capture(self, caller: Caller) -> None:
        account, key = random.choice(self.accounts), f"h-{uuid.uuid4()}"  # noqa: S311
        body = {"account": account, "amount": "5", "expires_in": 3600}
        held = expect("hold", self._post(caller, "hold", HOLDS, key, body), 201).json()
        self.log.acknowledge_hold(account, key, held["id"])
        path = f"{HOLDS}/{held['id']}/capture"
        expect("capture", self._post(caller, "capture", path, key, {"amount": CAPTURED}), 201)
        self.log.acknowledge_spend(account, key, CAPTURED)
        self._look_for(caller, account, key)

    def _look_for(self, caller: Caller, account: str, key: str) -> None:
        """Who wrote something sees it, whichever server answers."""
        path = f"/api/v1/credits/accounts/{account}/entries?limit=200"
        answer = caller.until_answered("own entries", "GET", path, headers=self.authorization)
        entries = expect("own entries", answer, 200).json()["entries"]
        if key not in {entry["key"] for entry in entries}:
            raise Unexpected(f"capture {key} was acknowledged, and isn't among the newest entries")

    def _read(self, caller: Caller) -> None:
        account = random.choice(self.accounts)  # noqa: S311
        for path in ("entries", "balance"):
            where = f"/api/v1/credits/accounts/{account}/{path}"
            expect("read", caller.until_answered("read", "GET", where, headers=self.authorization), 200)

    def _post(
        self, caller: Caller, kind: str, path: str, key: str, body: dict[str, Any]
    ) -> requests.Response:
        headers = {**self.authorization, "Idempotency-Key": key}
        return caller.until_answered(kind, "POST", path, json=body, headers=headers)

    def _buyer(self, name: str) -> Callable[[Caller], None]:
        token: list[Any] = ["", 0.0]

        def buy(caller: Caller) -> None:
            if now() > token[1]:
                token[:] = [self._token(name), now() + TOKEN_LASTS_S]
            self._buy(caller, {"Authorization": f"Bearer {token[0]}"})

        return buy

    def _buy(self, caller: Caller, authorization: dict[str, str]) -> None:
        headers = {**authorization, "Idempotency-Key": f"p-{uuid.uuid4()}"}
        bought = caller.until_answered(
            "purchase", "POST", f"{BILLING}/purchase", json={"package_code": "starter"}, headers=headers
        )
        if bought.status_code == 409 and bought.json()["code"] == "purchase_in_progress":
            return  # Its first request died with the server that had it. The sweep closes it; nothing was paid.
        order = expect("purchase", bought, 201).json()
        paid = requests.post(
            f"{self.sandbox}/_sandbox/checkout/sessions/{order['session_id']}/pay",
            json={"card": CARD},
            timeout=TIMEOUT_S,
        )
        expect("payment", paid, 200)
        self.log.acknowledge_purchase(order["purchase_id"], order["session_id"])

    def _token(self, name: str) -> str:
        answer = requests.post(
            f"{self.sandbox}/_sandbox/openid/token", json={"username": name}, timeout=TIMEOUT_S
        )
        return str(expect("token", answer, 200).json()["access_token"])
