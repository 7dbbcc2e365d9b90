"""Secrets appear in no log, page, error or table: not when all goes well, and not when it doesn't."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import User
from billing.purchases.models import Purchase
from tests.billing.calling import (
    API,
    WEBHOOK,
    TokenClient,
    browser_of,
    deliver,
    paid_session_event,
    post_json,
    send,
)
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

STRIPE_KEY = "sk_test_7Hq2Wn5Tb9Xm4Kc8Vd3Rz6Lp"
OLD_SECRET = "whsec_5Gt8Yk2Mw7Qx3Jf9Bn6Hc4Sv"


class Everything(logging.Handler):
    """Keeps each line as an operator would read it, tracebacks included, from DEBUG on."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(logging.Formatter("%(name)s %(message)s").format(record))


@pytest.fixture
def log() -> Iterator[Everything]:
    everything, root = Everything(), logging.getLogger()
    level = root.level
    root.addHandler(everything)
    root.setLevel(logging.DEBUG)
    yield everything
    root.removeHandler(everything)
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = STRIPE_KEY
    settings.STRIPE_WEBHOOK_SECRETS = [OLD_SECRET, WEBHOOK_SECRET]
    put_on_sale()


@pytest.fixture
def secrets(settings: Any) -> list[str]:
    database = settings.DATABASES["default"].get("PASSWORD")
    known = [STRIPE_KEY, OLD_SECRET, WEBHOOK_SECRET, settings.SECRET_KEY, settings.OIDC_RP_CLIENT_SECRET]
    return [*known, database] if database else known


def assert_silent(secrets: list[str], log: Everything, *answers: Any) -> None:
    said = {"the log": "\n".join(log.lines)}
    for answer in answers:
        said[f"{answer.status_code}"] = answer.content.decode() + json.dumps(dict(answer.headers))
    assert [(place, secret) for place, text in said.items() for secret in secrets if secret in text] == []


def test_buying_tells_no_secret_to_the_log_or_the_buyer(
    sandbox: Sandbox, log: Everything, secrets: list[str]
) -> None:
    user = UserFactory()
    client = browser_of(user)
    started = post_json(client, "purchase", {"package_code": "pro"}, Idempotency_Key="order-1")
    session_id = started.json()["session_id"]
    sandbox.pay(session_id)
    sandbox.wait_for_webhooks()
    pages = [
        "/credits/",
        f"/credits/success?session_id={session_id}",
        "/credits/history/",
        "/accounts/login/",
    ]
    reads = ["packages", "history", "balance", f"session/{session_id}"]
    answers = [client.get(page) for page in (*pages, *(API + path for path in reads), "/api/schema/")]

    assert Purchase.objects.get().status == "completed"
    assert {answer.status_code for answer in answers} == {200}
    assert log.lines
    session = client.cookies["credits_session"].value
    assert_silent([*secrets, session], log, started, *answers)


@pytest.mark.parametrize("debug", [False, True])
def test_a_failing_stripe_tells_no_secret(
    sandbox: Sandbox, log: Everything, secrets: list[str], settings: Any, debug: bool
) -> None:
    settings.DEBUG = debug
    user = UserFactory()
    answers = []
    for fault in ({"status": 500}, {"status": 401}, {"status": 400}, {"status": None}):
        sandbox.fault(method="POST", path="/v1/checkout/sessions", times=1, **fault)
        answers.append(post_json(browser_of(user), "purchase", {"package_code": "pro"}))

    assert [answer.status_code for answer in answers] == [502] * 4
    assert_silent(secrets, log, *answers)


def test_a_key_that_stripe_refuses_is_in_no_log_but_for_its_ends(
    sandbox: Sandbox, log: Everything, settings: Any
) -> None:
    # Stripe's own message quotes the key's mode and its last four letters: enough to tell which key it was.
    settings.STRIPE_SECRET_KEY = "sk_live_9Zx8Cv7Bn6Mq5Wt4Ry3Up2Is"
    answer = post_json(browser_of(UserFactory()), "purchase", {"package_code": "pro"})

    assert answer.status_code == 502
    assert_silent(["9Zx8C", "v7Bn6", "Mq5Wt4", "Ry3Up"], log)
    assert "Key" not in answer.content.decode()


@pytest.mark.parametrize("debug", [False, True])
def test_a_refused_or_failing_webhook_tells_no_secret(
    sandbox: Sandbox, log: Everything, secrets: list[str], settings: Any, debug: bool
) -> None:
    settings.DEBUG = debug
    event = paid_session_event(sandbox, start(UserFactory()).session_id)
    forged = send(b"{}", "t=1,v1=0011223344556677")
    with connection.cursor() as cursor:
        cursor.execute("ALTER FUNCTION credits_grant RENAME TO credits_grant_away")
    try:
        failed = deliver(event)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER FUNCTION credits_grant_away RENAME TO credits_grant")

    assert forged.status_code == 400
    assert failed.status_code == 500 or debug
    assert "event_not_applied" in "\n".join(log.lines)
    assert_silent([*secrets, "0011223344556677"], log, forged, failed)


def test_a_crashing_page_tells_no_secret(log: Everything, secrets: list[str], settings: Any) -> None:
    client = browser_of(UserFactory())
    session = client.cookies["credits_session"].value
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE packages_package RENAME TO away")
    try:
        quiet = client.get("/credits/")
        settings.DEBUG = True
        loud = client.get("/credits/")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO packages_package")

    assert (quiet.status_code, loud.status_code) == (500, 500)
    assert "packages_package" not in quiet.content.decode()
    assert_silent(secrets, log, quiet, loud)
    assert session not in "\n".join(log.lines)


def test_a_bearer_token_is_in_no_log(sandbox: Sandbox, log: Everything, live_server: Any) -> None:
    client = TokenClient(live_server.url, sandbox)
    assert client.get("balance").status_code == 200
    header = {"Authorization": f"Bearer {client.token}x"}
    refused = requests.get(f"{live_server.url}{API}balance", headers=header, timeout=10)

    assert refused.status_code == 401
    signature = client.token.rsplit(".", 1)[1]
    assert_silent([client.token, signature], log, refused)


def test_a_password_is_in_no_log_or_page(log: Everything) -> None:
    User.objects.create_user("someone", password="correct-horse-7431")
    form = {"username": "someone", "password": "wrong-horse-7431"}
    refused = browser_of().post("/accounts/login/", form)
    welcomed = browser_of().post("/accounts/login/", {**form, "password": "correct-horse-7431"})

    assert (refused.status_code, welcomed.status_code) == (200, 302)
    assert_silent(["wrong-horse-7431", "correct-horse-7431"], log, refused, welcomed)


def test_a_query_is_in_no_log(log: Everything) -> None:
    browser_of(UserFactory()).get("/credits/?code=a-code-from-the-provider")

    assert "request_started" in "\n".join(log.lines)
    assert_silent(["a-code-from-the-provider"], log)


def test_the_sync_tells_no_secret(
    sandbox: Sandbox, log: Everything, secrets: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox.fault(method="POST", path="/v1/prices", status=401, times=1)
    with pytest.raises(CommandError) as refused:
        call_command("sync_catalog")
    call_command("sync_catalog")

    said = capsys.readouterr()
    assert [secret for secret in secrets if secret in f"{refused.value}{said.out}{said.err}"] == []
    assert_silent(secrets, log)


def test_no_table_holds_a_secret(sandbox: Sandbox, secrets: list[str]) -> None:
    call_command("sync_catalog")
    purchase = start(UserFactory()).purchase
    sandbox.pay(purchase.stripe_session_id or "")
    sandbox.wait_for_webhooks()
    deliver({"object": "event"})
    browser_of().post(WEBHOOK, "{}", content_type="application/json")

    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            name = connection.ops.quote_name(table)
            cursor.execute(f"SELECT string_agg(t::text, ' ') FROM {name} t")
            text = cursor.fetchone()[0] or ""
            found += [(table, secret) for secret in secrets if secret in text]
    assert found == []
