"""Who shares the site with what takes long, and how long they wait for an answer."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import requests

from accounts.clients.api_keys import create_key
from accounts.clients.models import Scope
from credits.ledger.models import Account
from tests.billing.calling import WEBHOOK, made_up_event, signature_of
from tests.credits.builders import grant, open_account
from tests.support.api_clients import make_client


@dataclass(frozen=True)
class Timed:
    answer: requests.Response
    seconds: float


def timed(call: Callable[[], requests.Response]) -> Timed:
    begun = time.monotonic()
    return Timed(call(), time.monotonic() - begun)


class Neighbours:
    """Who has nothing to do with Stripe's answers: a service, Stripe's own deliveries, and the probe."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.account: Account = open_account()
        grant(self.account, 100)
        self.key = create_key(make_client(scopes=[Scope.SPEND]), name="k").secret

    def spend(self) -> Timed:
        headers = {"Authorization": f"Bearer {self.key}", "Idempotency-Key": f"job-{time.monotonic()}"}
        body = {"account": str(self.account.pk), "amount": "1"}
        return timed(
            lambda: requests.post(
                f"{self.site}/api/v1/credits/spends", json=body, headers=headers, timeout=90
            )
        )

    def deliver(self) -> Timed:
        event = made_up_event("customer.created", {"id": "cus_1", "object": "customer"}, f"evt_{time.time()}")
        body = json.dumps(event).encode()
        headers = {"Stripe-Signature": signature_of(body), "Content-Type": "application/json"}
        return timed(lambda: requests.post(self.site + WEBHOOK, body, headers=headers, timeout=90))

    def probe(self) -> Timed:
        return timed(lambda: requests.get(f"{self.site}/health/live", timeout=90))

    def all_at_once(self) -> dict[str, Timed]:
        with ThreadPoolExecutor(3) as threads:
            calls = {"spend": self.spend, "webhook": self.deliver, "live": self.probe}
            futures = {name: threads.submit(call) for name, call in calls.items()}
            return {name: future.result() for name, future in futures.items()}
