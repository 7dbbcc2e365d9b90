"""How the API refuses: keys, routes, parameters, idempotency, all in Stripe's own words and codes."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import requests
import stripe

from tests.sandbox.calling import API_KEY, connect
from tests.support.sandbox import Sandbox


def call(sandbox: Sandbox, method: str, path: str, key: str = API_KEY, **options: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {key}", **options.pop("headers", {})}
    return requests.request(method, sandbox.url + path, headers=headers, timeout=10, **options)


@pytest.mark.parametrize("key", ["", "sk_live_" + "a" * 24, "pk_test_" + "a" * 24, "nonsense"])
def test_only_a_secret_test_key_is_let_in(sandbox: Sandbox, key: str) -> None:
    answer = call(sandbox, "GET", "/v1/products", key)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert key[8:] not in answer.text or not key[8:]


def test_the_key_may_come_as_basic_user(sandbox: Sandbox) -> None:
    assert requests.get(sandbox.url + "/v1/products", auth=(API_KEY, ""), timeout=5).status_code == 200


def test_an_unknown_route_is_named(sandbox: Sandbox) -> None:
    answer = call(sandbox, "GET", "/v1/nonsense")
    assert answer.status_code == 404
    assert "Unrecognized request URL (GET: /v1/nonsense)" in answer.json()["error"]["message"]


def test_every_answer_carries_stripes_headers(sandbox: Sandbox) -> None:
    answer = call(sandbox, "GET", "/v1/products")
    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Stripe-Version"] == stripe.api_version


def test_what_is_not_there_is_missing_by_path_and_by_parameter(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as by_path:
        client.v1.customers.retrieve("cus_none")
    assert (by_path.value.http_status, by_path.value.code, by_path.value.param) == (
        404,
        "resource_missing",
        "id",
    )
    with pytest.raises(stripe.InvalidRequestError) as by_parameter:
        client.v1.prices.create({"product": "prod_none", "currency": "usd", "unit_amount": 1})
    error = by_parameter.value
    assert (error.http_status, error.code, error.param) == (400, "resource_missing", "product")
    assert error.user_message == "No such product: 'prod_none'"


@pytest.mark.parametrize(
    ("form", "code", "param", "message"),
    [
        ({"name": "x", "colour": "red"}, "parameter_unknown", "colour", "Received unknown parameter: colour"),
        ({}, "parameter_missing", "name", "Missing required param: name."),
        ({"name": ""}, "parameter_invalid_empty", "name", "You passed an empty string for 'name'"),
        ({"name": "x", "active": "maybe"}, None, "active", "Invalid boolean: maybe"),
        (
            {"name": "x", "default_price_data[currency]": "usd", "default_price_data[unit_amount]": "4.5"},
            "parameter_invalid_integer",
            "default_price_data[unit_amount]",
            "Invalid integer: 4.5",
        ),
        ({"name": "x", "type": "odd"}, None, "type", "Invalid type: must be one of good, or service"),
        ({"name": "x", "images": "one"}, None, "images", "Invalid array"),
        ({"name[a]": "x"}, None, "name", "Invalid string"),
        ({"name": "x", "metadata": "flat"}, None, "metadata", "Invalid object"),
    ],
)
def test_parameters_are_checked_against_stripes_own_types(
    sandbox: Sandbox, form: dict[str, str], code: str | None, param: str, message: str
) -> None:
    answer = call(sandbox, "POST", "/v1/products", data=form)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["type"], error.get("code"), error["param"]) == ("invalid_request_error", code, param)
    assert error["message"].startswith(message)
    assert sandbox.objects("product") == []


def test_nested_unknown_parameters_are_named_in_full(sandbox: Sandbox) -> None:
    form = {"mode": "payment", "success_url": "http://x", "line_items[0][prices]": "price_1"}
    error = call(sandbox, "POST", "/v1/checkout/sessions", data=form).json()["error"]
    assert error["param"] == "line_items[0][prices]"


def test_metadata_merges_key_by_key_and_empties(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"metadata": {"a": "1", "b": "2"}})
    merged = client.v1.customers.update(customer.id, {"metadata": {"a": "", "c": "3"}})
    assert merged.metadata is not None
    assert merged.metadata.to_dict() == {"b": "2", "c": "3"}
    emptied = client.v1.customers.update(customer.id, {"metadata": ""})
    assert emptied.metadata is not None
    assert emptied.metadata.to_dict() == {}
    with pytest.raises(stripe.InvalidRequestError, match="up to 500 characters"):
        client.v1.customers.update(customer.id, {"metadata": {"long": "x" * 501}})


def test_the_same_key_and_parameters_are_carried_out_once(sandbox: Sandbox) -> None:
    headers = {"Idempotency-Key": "once"}
    first = call(sandbox, "POST", "/v1/products", data={"name": "Pack"}, headers=headers)
    again = call(sandbox, "POST", "/v1/products", data={"name": "Pack"}, headers=headers)
    assert again.text == first.text
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(sandbox.objects("product")) == 1


def test_the_same_key_with_other_parameters_is_an_error(client: stripe.StripeClient) -> None:
    client.v1.products.create({"name": "Pack"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        client.v1.products.create({"name": "Other"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        client.v1.customers.create({"name": "Pack"}, {"idempotency_key": "k"})


def test_keys_of_different_api_keys_never_meet(sandbox: Sandbox) -> None:
    for key in (API_KEY, "sk_test_" + "b" * 24):
        connect(sandbox, key).v1.products.create({"name": "Pack"}, {"idempotency_key": "k"})
    assert len(sandbox.objects("product")) == 2


def test_a_refusal_by_validation_is_not_saved(sandbox: Sandbox) -> None:
    headers = {"Idempotency-Key": "k"}
    assert call(sandbox, "POST", "/v1/products", data={"nam": "x"}, headers=headers).status_code == 400
    assert call(sandbox, "POST", "/v1/products", data={"name": "x"}, headers=headers).status_code == 200


def test_a_500_is_saved_and_said_again(sandbox: Sandbox) -> None:
    sandbox.fault(method="POST", path="/v1/products", status=500)
    headers = {"Idempotency-Key": "k"}
    statuses = [
        call(sandbox, "POST", "/v1/products", data={"name": "x"}, headers=headers).status_code
        for _ in range(2)
    ]
    assert statuses == [500, 500]
    assert sandbox.objects("product") == []


def test_a_key_whose_request_is_under_way_is_a_conflict(sandbox: Sandbox) -> None:
    sandbox.fault(method="POST", path="/v1/products", delay_ms=400)
    answers: list[int] = []

    def create() -> None:
        headers = {"Idempotency-Key": "k"}
        answers.append(call(sandbox, "POST", "/v1/products", data={"name": "x"}, headers=headers).status_code)

    threads = [threading.Thread(target=create) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 409]
    assert len(sandbox.objects("product")) == 1


def test_keys_are_forgotten_after_a_day(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    client.v1.products.create({"name": "Pack"}, {"idempotency_key": "k"})
    sandbox.post("/_sandbox/clock", {"advance_s": 24 * 60 * 60})
    client.v1.products.create({"name": "Other"}, {"idempotency_key": "k"})
    assert len(sandbox.objects("product")) == 2


def test_the_account_never_changes(sandbox: Sandbox, client: stripe.StripeClient) -> None:
    before = client.v1.accounts.retrieve_current()
    sandbox.post("/_sandbox/reset")
    assert client.v1.accounts.retrieve(before.id).to_dict() == before.to_dict()
    with pytest.raises(stripe.PermissionError):
        client.v1.accounts.retrieve("acct_other")
