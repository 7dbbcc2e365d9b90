"""The API's description is true: what it documents is what it answers, and it answers nothing else."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core.errors import SchemathesisError
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from billing.purchases.models import Purchase
from credits.rates.card_file import read_card
from credits.rates.loading import load_card
from tests.billing.asking_for_offers import ask_for_offers
from tests.billing.asking_for_plans import ask_for_plans
from tests.billing.calling import API, browser_of, made_up_event, signature_of
from tests.billing.database_faults import failing_commits
from tests.support.builders import let_ask_again, put_on_sale
from tests.support.effort import effort
from tests.support.sandbox import Sandbox

SCHEMA = "/api/schema/?format=json"
DESCRIBED = {
    "list_packages": ("get", f"{API}packages"),
    "quote_amount": ("get", f"{API}quote"),
    "quote_order": ("post", f"{API}quote"),
    "start_purchase": ("post", f"{API}purchase"),
    "list_payment_methods": ("get", f"{API}payment-methods"),
    "top_up": ("post", f"{API}top-ups"),
    "read_auto_top_up": ("get", f"{API}auto-top-up"),
    "set_auto_top_up": ("put", f"{API}auto-top-up"),
    "list_plans": ("get", f"{API}plans"),
    "list_subscriptions": ("get", f"{API}subscriptions"),
    "subscribe": ("post", f"{API}subscriptions"),
    "change_subscription": ("patch", f"{API}subscriptions/{{subscription_id}}"),
    "read_referral": ("get", f"{API}referral"),
    "redeem_code": ("post", f"{API}redemptions"),
    "read_session": ("get", f"{API}session/{{session_id}}"),
    "list_purchases": ("get", f"{API}history"),
    "read_balance": ("get", f"{API}balance"),
    "read_receipt": ("get", f"{API}purchases/{{purchase_id}}/receipt"),
    "read_credit_note": ("get", f"{API}refunds/{{refund_id}}/credit-note"),
    "estimate_credits": ("get", f"{API}estimate"),
    "estimate_credits_of_long_prompt": ("post", f"{API}estimate"),
    "list_all_purchases": ("get", f"{API}admin/purchases"),
    "preview_refund": ("get", f"{API}admin/purchases/{{purchase_id}}/refund-preview"),
    "refund_purchase": ("post", f"{API}admin/purchases/{{purchase_id}}/refunds"),
    "receive_webhook": ("post", f"{API}webhook"),
    "legacy_estimate": ("get", "/api/credits/estimate"),
    "legacy_purchase": ("post", "/api/credits/purchase"),
    "legacy_session": ("get", "/api/credits/session/{session_id}"),
    "legacy_webhook": ("post", "/api/credits/webhook"),
}
PAPERS = {"read_receipt", "read_credit_note"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = effort(4, 100)


@pytest.fixture
def described(db: None) -> dict[str, Any]:
    answer = browser_of().get(SCHEMA)
    assert answer.status_code == 200
    schema: dict[str, Any] = answer.json()
    return schema


def test_every_address_of_the_api_is_described_once_and_no_other(described: dict[str, Any]) -> None:
    found = {
        operation["operationId"]: (method, path)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
        if operation["tags"] != ["For services"]  # tests/credits_api/test_openapi.py
    }
    assert found == DESCRIBED


def test_every_description_names_the_refusals_for_nobody_and_the_webhook_none(
    described: dict[str, Any],
) -> None:
    for name, (method, path) in DESCRIBED.items():
        operation = described["paths"][path][method]
        public = name in {"receive_webhook", "legacy_webhook"}
        assert ({"401", "403"} <= set(operation["responses"])) is not public, name
        assert (operation["security"] == [{}]) is public, name


def test_every_problem_is_described_as_one(described: dict[str, Any]) -> None:
    for name, (method, path) in DESCRIBED.items():
        for status, response in described["paths"][path][method]["responses"].items():
            if status == "302":
                assert "content" not in response, name
            else:
                assert list(response["content"]) == [kind_of(name, status)], (name, status)


def kind_of(name: str, status: str) -> str:
    """The media type of an answer."""
    if status < "300" and name in PAPERS:
        return "application/pdf"
    return "application/json" if status < "300" or name.startswith("legacy") else "application/problem+json"


def test_the_description_has_no_warning() -> None:
    command = [
        sys.executable,
        "manage.py",
        *["spectacular", "--validate", "--fail-on-warn", "--file"],
        os.devnull,
    ]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr


@pytest.mark.django_db
def test_the_page_to_try_it_is_there() -> None:
    page = browser_of().get("/api/docs/")

    assert page.status_code == 200
    assert "swagger-ui" in page.content.decode()


# --- Each described answer, got for real --------------------------------------------------------------------------

# Told by tests/accounts/test_bearer.py and tests/billing/test_api_purchase.py, which have a provider that is away, and
# by tests/ops/test_request_bodies.py, which speaks to the server of production.
TOLD_ELSEWHERE = {"411", "503"}


@pytest.mark.django_db(transaction=True)
def test_every_described_answer_can_be_got_and_is_as_described(
    described: dict[str, Any],
    sandbox: Sandbox,
    live_server: Any,
    settings: Any,
) -> None:
    put_on_sale()
    schema = schemathesis.openapi.from_dict(described)
    got: dict[str, set[str]] = {}
    for operation_id, response in _ask_for_everything(sandbox, live_server.url, settings):
        schema.find_operation_by_id(operation_id).validate_response(response)
        got.setdefault(operation_id, set()).add(str(response.status_code))

    for name, (method, path) in DESCRIBED.items():
        promised = set(described["paths"][path][method]["responses"]) - TOLD_ELSEWHERE
        assert got[name] == promised, name


def _ask_for_everything(
    sandbox: Sandbox, site: str, settings: Any
) -> Iterator[tuple[str, requests.Response]]:
    send = functools.partial(_send, sandbox, site)
    yield from ask_for_plans(sandbox, send)  # before others make products
    yield from ask_for_offers(send, settings)
    yield from _ask_to_read(sandbox, site)
    yield from _ask_what_it_costs(sandbox, site)
    yield from _ask_to_buy(sandbox, site, "start_purchase", "package_code")
    yield from _ask_to_buy(sandbox, site, "legacy_purchase", "package_id")
    yield from _ask_to_top_up(sandbox, site)
    yield from _ask_for_automatic_top_up(sandbox, site)
    yield from _ask_to_refund(sandbox, site)
    yield from _ask_for_papers(sandbox, site, settings)
    for name in ("receive_webhook", "legacy_webhook"):
        yield from _deliver(site + DESCRIBED[name][1], name)
        settings.STRIPE_WEBHOOK_ADDRESSES = "refuse"
        yield name, _send(sandbox, site, name, "")
        settings.STRIPE_WEBHOOK_ADDRESSES = "off"
    settings.PERSON_RATE = settings.WEBHOOK_RATE = 0
    for name in DESCRIBED:
        yield name, _send(sandbox, site, name, "staff")


def _send(sandbox: Sandbox, site: str, name: str, who: str = "buyer", **request: Any) -> requests.Response:
    """One request by a person, by the client ``service`` or by nobody, to an operation of the description."""
    method, path = DESCRIBED[name]
    headers = request.pop("headers", {})
    if who:
        wish = {"client": "service"} if who == "service" else {"username": who}
        headers["Authorization"] = f"Bearer {sandbox.post('/_sandbox/openid/token', wish)['access_token']}"
    address = site + path.format(
        session_id=request.pop("session_id", "cs_test_none"),
        purchase_id=request.pop("purchase_id", "none"),
        subscription_id=request.pop("subscription_id", "none"),
        refund_id=request.pop("refund_id", "none"),
    )
    return requests.request(method, address, headers=headers, timeout=20, allow_redirects=False, **request)


def _ask_to_read(sandbox: Sandbox, site: str) -> Iterator[tuple[str, requests.Response]]:
    send = functools.partial(_send, sandbox, site)
    session_id = send("start_purchase", json={"package_code": "pro"}).json()["session_id"]
    for name in (
        "list_packages",
        "list_purchases",
        "read_balance",
        "list_all_purchases",
        "list_payment_methods",
        "read_auto_top_up",
    ):
        for who in ("staff", "", "service"):
            yield name, send(name, who)
    yield "list_packages", send("list_packages", params={"include_inactive": "maybe"})
    for who in ("staff", "", "service"):
        yield "quote_amount", send("quote_amount", who, params={"currency": "usd", "amount": "37.50"})
    for query in ({"currency": "usd"}, {"currency": "eur"}, {"currency": "usd", "amount": "1"}, {}):
        yield "quote_amount", send("quote_amount", params=query)
    yield "list_purchases", send("list_purchases", params={"limit": "0"})
    for name in ("list_purchases", "list_payment_methods", "read_auto_top_up"):
        yield name, send(name, params={"team": "00000000-0000-4000-8000-000000000000"})
    yield "list_payment_methods", send("list_payment_methods", params={"team": "mine"})
    yield "read_auto_top_up", send("read_auto_top_up", params={"team": "mine"})
    yield "list_all_purchases", send("list_all_purchases", "staff", params={"limit": "0"})
    for name in ("read_session", "legacy_session"):
        yield name, send(name, session_id=session_id)
        for who in ("buyer", "", "service"):
            yield name, send(name, who)
    sandbox.fault(method="GET", path="/v1/checkout/sessions/*", status=500, times=1)
    let_ask_again()
    yield "legacy_session", send("legacy_session", session_id=session_id)


def _ask_to_refund(sandbox: Sandbox, site: str) -> Iterator[tuple[str, requests.Response]]:
    send = functools.partial(_send, sandbox, site)
    started = send("start_purchase", json={"package_code": "pro"}).json()
    unpaid = {"purchase_id": send("start_purchase", json={"package_code": "pro"}).json()["purchase_id"]}
    sandbox.pay(started["session_id"])
    send("read_session", session_id=started["session_id"])
    paid, order = {"purchase_id": started["purchase_id"]}, {"amount": "1.00", "reason": "duplicate"}
    for who in ("staff", "", "buyer", "service"):
        yield "preview_refund", send("preview_refund", who, **paid)
        yield (
            "refund_purchase",
            send("refund_purchase", who, **paid, json=order, headers={"Idempotency-Key": "1"}),
        )
    for request in ({"params": {"amount": "x"}, **paid}, unpaid, {}):
        yield "preview_refund", send("preview_refund", "staff", **request)
    for request in (
        {"json": order, **paid},
        {"json": {**order, "amount": "1000"}, "headers": {"Idempotency-Key": "2"}, **paid},
        {"json": {**order, "amount": "2"}, "headers": {"Idempotency-Key": "1"}, **paid},
        {"data": "x", "headers": {"Content-Type": "text/plain"}, **paid},
        {"json": order},
    ):
        yield "refund_purchase", send("refund_purchase", "staff", **request)


def _ask_for_papers(sandbox: Sandbox, site: str, settings: Any) -> Iterator[tuple[str, requests.Response]]:
    send = functools.partial(_send, sandbox, site)
    for settings.STRIPE_INVOICES in (False, True):
        started = send("start_purchase", json={"package_code": "pro"}).json()
        sandbox.pay(started["session_id"])
        send("read_session", session_id=started["session_id"])
        paid = {"purchase_id": started["purchase_id"]}
        order = {"json": {"amount": "1.00", "reason": "duplicate"}, "headers": {"Idempotency-Key": "1"}}
        refund_id = send("refund_purchase", "staff", **paid, **order).json()["id"]
        for who in ("buyer", "", "service", "staff"):
            yield "read_receipt", send("read_receipt", who, **paid)
            yield "read_credit_note", send("read_credit_note", who, refund_id=refund_id)
    sandbox.fault(method="GET", path="/v1/checkout/sessions/*", status=500, times=None)
    yield "read_receipt", send("read_receipt", **paid)


def _ask_what_it_costs(sandbox: Sandbox, site: str) -> Iterator[tuple[str, requests.Response]]:
    load_card(read_card(Path("credits/rates/cards/demo.toml")))
    good = {"prompt": "Write a poem.", "model": "chat-small"}
    for name in ("estimate_credits", "estimate_credits_of_long_prompt", "legacy_estimate"):
        send = functools.partial(_send, sandbox, site, name)
        where = "json" if DESCRIBED[name][0] == "post" else "params"
        for asked in (good, {**good, "model": "chat-smal"}, {"model": "chat-small"}):
            request: dict[str, Any] = {where: asked}
            yield name, send(**request)
        for who in ("", "service"):
            yield name, send(who, params=good, json=good)
    yield (
        "estimate_credits_of_long_prompt",
        _send(sandbox, site, "estimate_credits_of_long_prompt", data=good),
    )


def _ask_to_buy(sandbox: Sandbox, site: str, name: str, key: str) -> Iterator[tuple[str, requests.Response]]:
    send = functools.partial(_send, sandbox, site, name)
    keyed = {"Idempotency-Key": name}
    yield name, send(json={key: "pro"}, headers=dict(keyed))
    yield name, send(json={key: "starter"}, headers=dict(keyed))
    Purchase.objects.filter(idempotency_key=name).update(stripe_session_id=None)  # as while Stripe is asked
    yield name, send(json={key: "pro"}, headers=dict(keyed))
    yield name, send("", json={key: "pro"})
    yield name, send("service", json={key: "pro"})
    yield name, send(json={key: "nothing"})
    yield name, send(json={})
    yield name, send(data={key: "pro"})
    sandbox.fault(method="POST", path="/v1/checkout/sessions", status=500, times=1)
    yield name, send(json={key: "pro"})


def _ask_to_top_up(sandbox: Sandbox, site: str) -> Iterator[tuple[str, requests.Response]]:
    send = functools.partial(_send, sandbox, site, "top_up")
    order: dict[str, Any] = {"json": {"package_code": "pro"}}
    keyed = {"Idempotency-Key": "top up"}
    yield "top_up", send(**order, headers={"Idempotency-Key": "no card"})
    started = _send(sandbox, site, "start_purchase", json={"package_code": "pro"}).json()
    sandbox.pay(started["session_id"], save=True)
    sandbox.wait_for_webhooks()
    yield "list_payment_methods", _send(sandbox, site, "list_payment_methods")
    for who in ("buyer", "", "service"):
        yield "top_up", send(who, **order, headers=dict(keyed))
    yield "top_up", send(json={"package_code": "starter"}, headers=dict(keyed))
    yield "top_up", send(json={"package_code": "nothing"}, headers={"Idempotency-Key": "unknown"})
    yield "top_up", send(**order)
    yield "top_up", send(data=order["json"], headers=dict(keyed))
    sandbox.fault(method="POST", path="/v1/payment_intents", status=400, times=1)
    yield "top_up", send(**order, headers={"Idempotency-Key": "refused"})


def _ask_for_automatic_top_up(sandbox: Sandbox, site: str) -> Iterator[tuple[str, requests.Response]]:
    """With the card that `_ask_to_top_up` saved."""
    name = "set_auto_top_up"
    wish = {"enabled": True, "threshold": "5", "monthly_limit": "500", "consent": True}
    send = functools.partial(_send, sandbox, site, name)
    yield name, send(json={**wish, "package_code": "pro"})
    yield "read_auto_top_up", _send(sandbox, site, "read_auto_top_up")
    for who in ("staff", "", "service"):
        yield name, send(who, json={**wish, "package_code": "pro"})
    for other in ({"package_code": "nothing"}, {}, {"package_code": "pro", "consent": False}):
        yield name, send(json={**wish, **other})
    yield name, send(json={"enabled": False, "team": "00000000-0000-4000-8000-000000000000"})
    yield name, send(data={"enabled": True})
    yield name, send(json={"enabled": False})


def _deliver(address: str, name: str) -> Iterator[tuple[str, requests.Response]]:
    def post(body: bytes, **headers: str) -> tuple[str, requests.Response]:
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature_of(body), **headers}
        return name, requests.post(address, body, headers=headers, timeout=20)

    good = json.dumps(made_up_event("customer.created", {"id": "cus_1"}, f"evt_{name}")).encode()
    yield post(good)
    yield post(good, **{"Stripe-Signature": "t=1,v1=0"})
    yield post(good + b" " * 1024 * 1024)
    with failing_commits(of=[("inbox_inboxevent", "INSERT OR UPDATE", "true")]):
        yield post(good.replace(b"evt_", b"evt_lost_"))


# --- Generated requests -------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("operation_id", DESCRIBED)
def test_whatever_is_asked_the_answer_is_one_that_is_described(operation_id: str, sandbox: Sandbox) -> None:
    put_on_sale()
    token = sandbox.post("/_sandbox/openid/token", {"username": "staff"})["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    schema = schemathesis.openapi.from_wsgi(SCHEMA, get_wsgi_application(), config=SchemathesisConfig())
    operation = schema.find_operation_by_id(operation_id)
    asked = []
    for mode in GenerationMode:

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate],
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            asked.append(case.call_and_validate(headers=headers, checks=CHECKS).status_code)

        try:
            ask()
        except SchemathesisError as nothing_to_generate:
            assert "negative" in str(nothing_to_generate).lower(), nothing_to_generate  # noqa: PT017
    assert asked
