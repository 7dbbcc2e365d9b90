"""The example service, as its README runs it: a process of its own against the site and the provider."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from accounts.limits.counters import forget_counts
from accounts.models import User
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry, Hold
from credits.rates.card_file import read_card
from credits.rates.loading import load_card
from tests.credits.builders import grant
from tests.support.openid import provider, sandbox
from tests.support.sandbox import Sandbox

__all__ = ["provider", "sandbox"]

ROOT = Path(__file__).resolve().parent.parent.parent
BUYER_SUB = "00000000-0000-4000-8000-0000000000b1"


@pytest.fixture
def service(live_server: Any, provider: Sandbox) -> Iterator[str]:
    """Its address."""
    forget_counts()
    load_card(read_card(ROOT / "credits/rates/cards/demo.toml"))
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "clients/python/src"),
        "CREDITS_URL": live_server.url,
        "TOKEN_URL": f"{provider.url}/realms/demo/protocol/openid-connect/token",
        "PORT": "0",
    }
    command = [sys.executable, str(ROOT / "examples/text_service/service.py")]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            yield line.removeprefix("Ready: ").strip()
        finally:
            process.terminate()


@pytest.fixture
def account(transactional_db: None) -> Account:
    return ledger.open_account(User.objects.create(username="buyer", oidc_sub=BUYER_SUB))


@pytest.fixture
def token(provider: Sandbox) -> str:
    return provider.mint("buyer")["access_token"]


def ask(service: str, token: str, prompt: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(f"{service}/texts", json={"prompt": prompt}, headers=headers, timeout=20)


def test_a_text_is_charged_by_what_it_took_and_nothing_stays_held(
    service: str, token: str, account: Account
) -> None:
    grant(account, 100)
    answer = ask(service, token, "The sea in winter")

    assert answer.status_code == 200, answer.text
    entry = Entry.objects.get(kind="spend")
    words = len(answer.json()["message"].split())
    assert entry.metadata["usage"]["quantities"]["output_tokens"] == str(words)
    assert entry.reference == "Text: The sea in winter"
    assert (Decimal(answer.json()["cost"]), Decimal(answer.json()["balance"])) == (
        -entry.amount,
        entry.balance_after,
    )
    account.refresh_from_db()
    assert account.held == 0


def test_too_few_credits_are_told_with_a_link_before_any_work(
    service: str, token: str, account: Account, settings: Any
) -> None:
    grant(account, "0.01")
    answer = ask(service, token, "The sea")
    page = requests.post(f"{service}/texts", {"prompt": "The sea", "token": token}, timeout=20)

    assert (answer.status_code, page.status_code) == (402, 402)
    assert answer.json()["buy_url"] == f"{settings.SITE_URL}/credits/"
    assert Decimal(answer.json()["missing"]) > 0
    assert re.search(rf'<a href="{settings.SITE_URL}/credits/">Buy credits</a>', page.text)
    assert not Hold.objects.exists()


def test_somebody_who_never_bought_is_told_the_same(service: str, token: str, transactional_db: None) -> None:
    assert ask(service, token, "The sea").status_code == 402


def test_work_that_fails_costs_nothing(service: str, token: str, account: Account) -> None:
    grant(account, 100)
    answer = ask(service, token, "Fail, please")

    assert (answer.status_code, answer.json()["message"]) == (
        500,
        "The work failed. You were not charged.",
    )
    assert Hold.objects.get().status == Hold.Status.RELEASED
    account.refresh_from_db()
    assert (account.balance, account.held) == (100, 0)


def test_nobody_is_asked_to_sign_in_and_shown_no_markup_of_others(service: str, token: str) -> None:
    assert ask(service, "nobodys", "The sea").status_code == 401
    assert ask(service, token, "").status_code == 400
    assert "<form" in requests.get(service, timeout=20).text
