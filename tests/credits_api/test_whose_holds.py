"""A hold is its client's: another can't read, capture or release it, but with the scope to act for others."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from accounts.clients.api_keys import create_key
from accounts.clients.models import Scope
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Hold
from tests.credits_api.calling import Service, books
from tests.support.api_clients import make_client

DOORS: list[tuple[str, Any]] = [("", None), ("/capture", {"amount": 5}), ("/release", {})]


def another_service(*scopes: Scope, of_key: list[str] | None = None) -> Service:
    client = make_client(
        name="Other", oidc_client_id=None, scopes=[Scope.READ.value, Scope.SPEND.value, *scopes]
    )
    return Service(create_key(client, name="other", scopes=of_key).secret)


def hold_of(service: Service, account: Account, **fields: Any) -> str:
    body = {"account": str(account.pk), "amount": 20, "expires_in": 600, **fields}
    return f"holds/{service.post('holds', body).json()['id']}"


def ask(service: Service, path: str, body: Any, key: str | None = None) -> Any:
    return service.get(path) if body is None else service.post(path, body, key=key)


@pytest.mark.parametrize(("door", "body"), DOORS)
def test_another_clients_hold_is_unknown(service: Service, account: Account, door: str, body: Any) -> None:
    hold = hold_of(service, account)
    refused = ask(another_service(), hold + door, body)

    assert (refused.status_code, refused.json()["code"]) == (404, "unknown_hold")
    assert service.get(hold).json()["remaining"] == "20"
    assert ask(service, hold + door, body).status_code in (200, 201)


def test_another_client_learns_nothing_by_repeating_a_capture(service: Service, account: Account) -> None:
    capture = hold_of(service, account) + "/capture"
    service.post(capture, {"amount": 5}, key="job")
    repeated = another_service().post(capture, {"amount": 5}, key="job")

    assert (repeated.status_code, repeated.json()["code"]) == (404, "unknown_hold")
    assert "Idempotent-Replayed" not in repeated
    assert books(account) == (Decimal(95), 1)


@pytest.mark.parametrize(("door", "body"), DOORS)
def test_a_client_with_the_scope_acts_for_others(
    service: Service, account: Account, door: str, body: Any
) -> None:
    hold = hold_of(service, account)

    assert ask(another_service(Scope.ACT_FOR_OTHERS), hold + door, body).status_code in (200, 201)


def test_a_key_without_the_scope_acts_for_its_own_client_alone(service: Service, account: Account) -> None:
    bound = another_service(Scope.ACT_FOR_OTHERS, of_key=["read", "spend"])

    assert bound.post(hold_of(service, account) + "/release").status_code == 404
    assert bound.post(hold_of(bound, account) + "/release").status_code == 200


@pytest.mark.parametrize(("door", "body"), DOORS)
def test_a_hold_made_by_no_client_is_anybodys(account: Account, door: str, body: Any) -> None:
    made = ledger.hold(account.pk, Decimal(20), key="in-house", expires_in=timedelta(minutes=10))

    assert ask(another_service(), f"holds/{made.id}{door}", body).status_code in (200, 201)


def test_a_hold_from_before_holds_had_clients_is_repeated_and_captured_by_its_client(
    service: Service, account: Account
) -> None:
    body = {"account": str(account.pk), "amount": 20, "expires_in": 600}
    first = service.post("holds", body, key="old")
    make_older_than_clients()
    again = service.post("holds", body, key="old")

    assert (again.status_code, again.content, again["Idempotent-Replayed"]) == (201, first.content, "true")
    assert service.post(f"holds/{first.json()['id']}/capture", {"amount": 5}).status_code == 201


def make_older_than_clients() -> None:
    """By hand: whose a hold is never changes."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE credits_hold DISABLE TRIGGER USER")
        Hold.objects.update(client=None)
        cursor.execute("ALTER TABLE credits_hold ENABLE TRIGGER USER")


@pytest.mark.parametrize("name", ["member", "hold", "partial", "usage", "price"])
def test_names_that_only_we_write_are_refused_at_every_door(
    service: Service, account: Account, name: str
) -> None:
    """Who reads one of them back reads our word: a statement says by ``member`` who spent a team's credits."""
    hold = hold_of(service, account)
    charge = {"amount": 1, "metadata": {name: "x"}}
    usage = {"model": "chat", "usage": {"requests": 1}, "metadata": {name: "x"}}
    named = {"account": str(account.pk)}
    for path, body in (
        ("spends", {**named, **charge}),
        ("spends", {**named, **usage}),
        ("spends/batch", {"spends": [{**named, **charge, "key": "k"}]}),
        ("holds", {**named, **charge, "expires_in": 60}),
        (f"{hold}/capture", charge),
        (f"{hold}/capture", usage),
    ):
        answer = service.post(path, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), path
        assert answer.json()["errors"][0]["attr"].endswith("metadata"), answer.json()
    assert books(account) == (Decimal(100), 0)
    assert Hold.objects.count() == 1
