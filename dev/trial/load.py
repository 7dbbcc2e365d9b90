"""Spend, hold, buy and read through HAProxy, as services and buyers do: what fails is repeated with its key."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
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


class Gone(Exception):
    """The trial is over."""


class Caller:
    """One thread's session with the site."""

    def __init__(self, site: str, log: Log, over: Event) -> None:
        self.site = site
        self.log = log
        self.over = over
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
        """Repeat it until it is answered with anything but a failure. Raises Gone when that takes too long."""
        deadline = now() + PATIENCE_S
        while now() < deadline:
            answer = self.once(kind, method, path, **request)
            if answer is not None and answer.status_code < 500 and answer.status_code != 429:
                return answer
            time.sleep(PAUSE_AFTER_FAILURE_S)
        self.log.note_oddity(f"{kind}: no answer within {PATIENCE_S} s")
        raise Gone


class Load:
    """Threads that call the site, each so many times a second, until they are stopped."""

    def __init__(self, site: str, sandbox: str, key: str, accounts: list[str], log: Log) -> None:
        self.site = site
        self.sandbox = sandbox
        self.accounts = accounts
        self.log = log
        self.authorization = {"Authorization": f"Bearer {key}"}
        self._over = Event()
        self._threads: list[Thread] = []

    def start(self, *, spenders: int, a_second: float) -> None:
        for _ in range(spenders):
            self._run(self._spend, 1 / a_second)
        self._run(self._hold_and_capture, 1.0)
        self._run(self._read, 0.5)
        for name in BUYERS:
            self._run(self._buyer(name), 2.0)

    def stop(self) -> None:
        """End it when each thread has finished what it is doing."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, do: Callable[[Caller], None], every_s: float) -> None:
        thread = Thread(target=self._repeat, args=(do, every_s), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _repeat(self, do: Callable[[Caller], None], every_s: float) -> None:
        caller = Caller(self.site, self.log, self._over)
        while not self._over.wait(random.uniform(0.5, 1.5) * every_s):  # noqa: S311
            with suppress(Gone):
                do(caller)

    # --- What they do -----------------------------------------------------------------------------------------

    def _spend(self, caller: Caller) -> None:
        account, key = random.choice(self.accounts), f"s-{uuid.uuid4()}"  # noqa: S311
        amount = f"0.{random.randint(1, 99):02}"  # noqa: S311
        answer = self._post(caller, "spend", SPENDS, key, {"account": account, "amount": amount})
        if answer.status_code == 201:
            self.log.acknowledge_spend(account, key, amount)
        else:
            self.log.note_oddity(f"spend: {answer.status_code} {answer.text[:200]}")

    def _hold_and_capture(self, caller: Caller) -> None:
        account, key = random.choice(self.accounts), f"h-{uuid.uuid4()}"  # noqa: S311
        body = {"account": account, "amount": "5", "expires_in": 3600}
        held = self._post(caller, "hold", HOLDS, key, body)
        if held.status_code != 201:
            self.log.note_oddity(f"hold: {held.status_code} {held.text[:200]}")
            return
        path = f"{HOLDS}/{held.json()['id']}/capture"
        captured = self._post(caller, "capture", path, key, {"amount": "1.5"})
        if captured.status_code == 201:
            self.log.acknowledge_spend(account, key, "1.5")
            self._look_for(caller, account, key)
        else:
            self.log.note_oddity(f"capture: {captured.status_code} {captured.text[:200]}")

    def _look_for(self, caller: Caller, account: str, key: str) -> None:
        """Who wrote something sees it, whichever server answers."""
        path = f"/api/v1/credits/accounts/{account}/entries?limit=200"
        entries = caller.until_answered("own entries", "GET", path, headers=self.authorization).json()[
            "entries"
        ]
        if key not in {entry["key"] for entry in entries}:
            self.log.note_oddity(f"capture {key} was acknowledged, and isn't among the newest entries")

    def _read(self, caller: Caller) -> None:
        account = random.choice(self.accounts)  # noqa: S311
        for path in ("entries", "balance"):
            caller.until_answered(
                "read", "GET", f"/api/v1/credits/accounts/{account}/{path}", headers=self.authorization
            )

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
        if bought.status_code != 201:
            # Its first request died with the server that had it. The sweep closes it; nothing was paid.
            if bought.status_code != 409:
                self.log.note_oddity(f"purchase: {bought.status_code} {bought.text[:200]}")
            return
        session = bought.json()["session_id"]
        paid = requests.post(
            f"{self.sandbox}/_sandbox/checkout/sessions/{session}/pay", json={"card": CARD}, timeout=TIMEOUT_S
        )
        paid.raise_for_status()
        self.log.acknowledge_purchase(bought.json()["purchase_id"], session)

    def _token(self, name: str) -> str:
        answer = requests.post(
            f"{self.sandbox}/_sandbox/openid/token", json={"username": name}, timeout=TIMEOUT_S
        )
        answer.raise_for_status()
        return str(answer.json()["access_token"])
