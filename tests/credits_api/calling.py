"""Calls of a service, through Django's client."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal
from typing import Any

from django.test import Client as Http

from credits.ledger.models import Account, Entry

API = "/api/v1/credits/"
_numbers = itertools.count(1)


class Service:
    """A service with its API key. Each write has a new Idempotency-Key unless it is given one."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.http = Http(raise_request_exception=False)

    def get(self, path: str, **query: Any) -> Any:
        return self.http.get(API + path, query, headers=self.headers())

    def post(self, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Any:
        """``body`` is a value, or the JSON itself as text."""
        text = body if isinstance(body, str) else json.dumps({} if body is None else body)
        key = f"key-{next(_numbers)}" if key is None else key
        named = {**self.headers(), **({"Idempotency-Key": key} if key else {}), **headers}
        return self.http.post(API + path, text, content_type="application/json", headers=named)

    def spend(self, account: Any, amount: Any = "2.5", *, key: str | None = None, **fields: Any) -> Any:
        return self.post("spends", {"account": str(account.pk), "amount": amount, **fields}, key=key)

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}


def books(account: Account) -> tuple[Decimal, int]:
    """The balance, and how many spends there are."""
    account.refresh_from_db()
    return account.balance, Entry.objects.filter(account=account, kind="spend").count()
