"""What a prompt would cost, and whether the balance covers it: exact numbers, and refusals that name the field."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from credits.ledger import operations as ledger
from credits.ledger.models import Entry
from credits.rates.api import LONGEST_PROMPT
from credits.rates.estimate import EXPECTED_OUTPUT_TOKENS
from tests.billing.calling import API, assert_problem, browser_of, post_json
from tests.rates.builders import put_rate
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db

ESTIMATE = f"{API}estimate"
LEGACY = "/api/credits/estimate"
POEM = "Write a short poem about the sea."  # seven words: ten tokens by the rule of thumb


@pytest.fixture(autouse=True)
def _no_token_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))


@pytest.fixture
def user() -> User:
    buyer: User = UserFactory.create()
    return buyer


@pytest.fixture
def client(user: User) -> Client:
    put_rate(price="1.25")
    put_rate(unit="output_tokens", price="5")
    return browser_of(user)


def give(user: User, amount: str) -> None:
    account = ledger.open_account(user)
    ledger.grant(account.pk, Decimal(amount), kind=Entry.Kind.PURCHASE, key=f"test:{amount}")


def exactly(answer: Any) -> Any:
    """The body with its numbers as they are written."""
    assert answer.status_code == 200, answer.content
    return json.loads(answer.content, parse_float=Decimal)


def test_an_estimate_says_the_cost_and_what_it_is_made_of(client: Client, user: User) -> None:
    give(user, "10")

    body = exactly(client.get(ESTIMATE, {"prompt": POEM, "model": "chat-small"}))
    since = body["price"].pop("effective_from")
    assert since.endswith("Z")
    assert body == {
        "estimated_credits": Decimal("2.889375"),  # (10 x 1.25 + 500 x 5) / 1,000 x 1.15
        "affordable": True,
        "balance": 10,
        "available": 10,
        "missing": 0,
        "model": "chat-small",
        "provider": "example",
        "tokens": {"input": 10, "method": "rule_of_thumb", "expected_output": EXPECTED_OUTPUT_TOKENS},
        "price": {
            "lines": [
                {
                    "unit": "input_tokens",
                    "quantity": 10,
                    "price": Decimal("1.25"),
                    "per": 1000,
                    "amount": Decimal("0.0125"),
                },
                {"unit": "output_tokens", "quantity": 500, "price": 5, "per": 1000, "amount": Decimal("2.5")},
            ],
            "markup": {"percent": 15, "level": "global"},
        },
        "buy_url": "http://testserver/credits/",
    }


def test_a_balance_that_is_short_is_told_with_what_is_missing(client: Client, user: User) -> None:
    give(user, "2.889374")

    body = exactly(client.get(ESTIMATE, {"prompt": POEM, "model": "chat-small"}))
    assert (body["affordable"], body["missing"]) == (False, Decimal("0.000001"))
    give(user, "0.000001")
    body = exactly(client.get(ESTIMATE, {"prompt": POEM, "model": "chat-small"}))
    assert (body["affordable"], body["missing"]) == (True, 0)


def test_somebody_without_an_account_can_afford_nothing(client: Client) -> None:
    body = exactly(client.get(ESTIMATE, {"prompt": POEM, "model": "chat-small"}))

    assert (body["balance"], body["affordable"], body["missing"]) == (0, False, Decimal("2.889375"))


def test_nineteen_digits_come_out_as_they_are(client: Client, user: User) -> None:
    give(user, "9007199254740993.123457")

    answer = client.get(ESTIMATE, {"prompt": POEM, "model": "chat-small"})
    assert b'"balance":9007199254740993.123457,' in answer.content


def test_an_estimate_books_nothing(client: Client, user: User) -> None:
    give(user, "10")
    before = Entry.objects.count()
    client.get(ESTIMATE, {"prompt": POEM, "model": "chat-small"})

    assert Entry.objects.count() == before


def test_an_estimate_reads_the_card_once_and_the_balance_once(
    client: Client, user: User, django_assert_num_queries: Any
) -> None:
    give(user, "10")
    client.get(ESTIMATE, {"prompt": POEM, "model": "chat-small"})
    who_is_asking = 2  # the session and its user

    with django_assert_num_queries(who_is_asking + 2):
        client.get(ESTIMATE, {"prompt": POEM, "model": "chat-small"})


def test_a_long_prompt_is_posted(client: Client) -> None:
    body = exactly(post_json(client, "estimate", {"prompt": "x" * LONGEST_PROMPT, "model": "chat-small"}))

    assert body["tokens"]["input"] == LONGEST_PROMPT // 4


@pytest.mark.parametrize("path", [ESTIMATE, f"{ESTIMATE}/", LEGACY, f"{LEGACY}/"])
def test_an_address_answers_with_and_without_its_slash(client: Client, path: str) -> None:
    body = exactly(client.get(path, {"prompt": POEM, "model": "chat-small"}))

    assert body["estimated_credits"] == Decimal("2.889375")


def test_the_expected_answer_can_be_said(client: Client) -> None:
    asked = {"prompt": POEM, "model": "chat-small", "expected_output_tokens": "0"}

    body = exactly(client.get(ESTIMATE, asked))
    assert body["estimated_credits"] == Decimal("0.014375")
    assert body["tokens"]["expected_output"] == 0


def test_what_is_not_read_is_priced_by_its_own_unit(client: Client) -> None:
    put_rate("image-standard", "images", "4", 1)
    put_rate("transcribe", "seconds", "0.6", 60)
    put_rate("search", "requests", "0.02", 1)

    def costs(model: str, **more: str) -> Decimal:
        body = exactly(client.get(ESTIMATE, {"prompt": POEM, "model": model, **more}))
        assert body["tokens"]["expected_output"] is None
        return Decimal(body["estimated_credits"])

    assert costs("image-standard") == Decimal("4.6")
    assert costs("image-standard", images="3") == Decimal("13.8")
    assert costs("transcribe", seconds="90.5") == Decimal("1.04075")
    assert costs("search") == Decimal("0.023")


# --- Refusals ----------------------------------------------------------------------------------------------------

GOOD = {"prompt": POEM, "model": "chat-small"}
WRONG: list[tuple[str, Any, str]] = [
    ("prompt", None, "required"),
    ("prompt", "", "blank"),
    ("prompt", "a\x00b", "null_characters_not_allowed"),
    ("prompt", "x" * (LONGEST_PROMPT + 1), "max_length"),
    ("prompt", "\ud800", "surrogate_characters_not_allowed"),
    ("prompt", ["a"], "invalid"),
    ("model", None, "required"),
    ("model", "", "blank"),
    ("model", "x" * 152, "max_length"),
    ("expected_output_tokens", -1, "min_value"),
    ("expected_output_tokens", "many", "invalid"),
    ("expected_output_tokens", 10**30, "max_value"),
    ("images", 0, "min_value"),
    ("seconds", "NaN", "invalid"),
    ("seconds", "-1", "min_value"),
    ("seconds", "0.0000001", "max_decimal_places"),
]


@pytest.mark.parametrize(("field", "value", "code"), WRONG, ids=lambda value: repr(value)[:30])
def test_a_wrong_field_is_named(client: Client, field: str, value: Any, code: str) -> None:
    body = {name: given for name, given in {**GOOD, field: value}.items() if given is not None}

    problem = assert_problem(post_json(client, "estimate", body), 400, "invalid_request")
    assert [(error["attr"], error["code"]) for error in problem["errors"]] == [(field, code)]


@pytest.mark.parametrize("field", ["prompt", "model"])
def test_a_missing_field_of_an_address_is_named(client: Client, field: str) -> None:
    asked = {name: value for name, value in GOOD.items() if name != field}

    problem = assert_problem(client.get(ESTIMATE, asked), 400, "invalid_request")
    assert [error["attr"] for error in problem["errors"]] == [field]


def test_an_unknown_model_is_not_found_and_near_names_are_told(client: Client) -> None:
    answer = client.get(ESTIMATE, {**GOOD, "model": "chat-smal"})

    problem = assert_problem(answer, 404, "unknown_model")
    assert "Did you mean chat-small?" in problem["detail"]
    assert [error["attr"] for error in problem["errors"]] == ["model"]


def test_a_model_by_the_second_needs_the_seconds(client: Client) -> None:
    put_rate("transcribe", "seconds", "0.6", 60)

    problem = assert_problem(client.get(ESTIMATE, {**GOOD, "model": "transcribe"}), 400, "invalid_usage")
    assert [error["attr"] for error in problem["errors"]] == ["seconds"]


def test_a_body_beyond_all_prompts_is_refused_unread(client: Client) -> None:
    body = b'{"prompt": "' + b"x" * 1_300_000

    problem = assert_problem(
        client.post(ESTIMATE, body, content_type="application/json"), 400, "invalid_request"
    )
    assert [error["attr"] for error in problem["errors"]] == ["prompt"]


def test_a_stranger_is_asked_to_sign_in(client: Client) -> None:
    assert_problem(browser_of().get(ESTIMATE, GOOD), 401, "not_authenticated")


# --- The older client --------------------------------------------------------------------------------------------


def test_the_older_address_answers_the_same_and_its_success(client: Client) -> None:
    body = exactly(client.get(LEGACY, GOOD))

    assert body.pop("success") is True
    assert body == exactly(client.get(ESTIMATE, GOOD))


def test_the_older_client_may_name_no_model(client: Client) -> None:
    assert exactly(client.get(LEGACY, {"prompt": POEM}))["model"] == "chat-small"


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"model": "chat-small"}, 400, "prompt: This field is required."),
        ({**GOOD, "model": "nothing-like-it"}, 404, "There is no price for the model 'nothing-like-it'."),
    ],
)
def test_the_older_client_is_refused_in_its_own_shape(
    client: Client, asked: dict[str, str], status: int, said: str
) -> None:
    answer = client.get(LEGACY, asked)

    assert (answer.status_code, answer.json()) == (
        status,
        {"success": False, "message": said, "detail": said},
    )
