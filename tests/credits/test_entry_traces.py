"""An entry names the trace that it was written in; a repeat comes in another, and is a repeat all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from core.tracing import spans
from credits.errors import InvalidEntry, KeyConflict
from credits.ledger import operations as ledger
from credits.ledger.arguments import LONGEST_METADATA
from credits.ledger.models import Account, Entry, Hold
from credits.ledger.results import Outcome, SpendOrder
from credits.privacy.files import statement
from credits.spending import charging
from tests.credits.builders import claim, claw_back, funded, grant, hold, open_account, spend
from tests.rates.builders import add_markup, put_rate
from tests.support.signing_in import sign_in
from tests.support.tracing import FIRST, SECOND, in_trace, tracing

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("books_are_whole_at_the_end")]

ONE = Decimal(1)


@pytest.fixture(autouse=True)
def _traced() -> Iterator[None]:
    with tracing():
        yield


@pytest.fixture
def account() -> Account:
    return funded(100)


def spend_in_batch(account: Account, metadata: Any) -> Any:
    (result,) = ledger.spend_many([SpendOrder(account.pk, ONE, "work", metadata=metadata)])
    if result.outcome == Outcome.CONFLICT:
        raise KeyConflict("conflict")
    return result


def undo_an_adjustment(account: Account, metadata: Any) -> Any:
    given = grant(account, 1, key="adjusted", kind=Entry.Kind.ADJUSTMENT)
    return ledger.undo(account.pk, given.entry_id, -ONE, key="work", metadata=metadata)


def give(account: Account, metadata: Any, *, to: Account) -> Any:
    return ledger.transfer(account.pk, to.pk, ONE, key="work", metadata=metadata)


def capture(account: Account, metadata: Any) -> Any:
    held = hold(account, 1)
    return ledger.capture(account.pk, held.id, ONE, key="work", metadata=metadata)


def operations() -> dict[str, Callable[[Account, Any], Any]]:
    """Every operation that writes an entry under its caller's key, with its caller's metadata."""
    receiver = open_account()
    return {
        "grant": lambda account, metadata: grant(account, 1, key="work", metadata=metadata),
        "spend": lambda account, metadata: spend(account, 1, key="work", metadata=metadata),
        "spend_many": spend_in_batch,
        "transfer": partial(give, to=receiver),
        "capture": capture,
        "undo": undo_an_adjustment,
    }


@pytest.mark.parametrize("name", ["grant", "spend", "spend_many", "transfer", "capture", "undo"])
def test_a_repeat_in_another_trace_gets_the_first_result(account: Account, name: str) -> None:
    operation = operations()[name]
    with in_trace(FIRST):
        operation(account, {"model": "a"})
    with in_trace(SECOND):
        again = operation(account, {"model": "a"})
    assert getattr(again, "repeated", None) or again.outcome == Outcome.REPEATED
    written = Entry.objects.get(account=account, key="work")
    assert (written.metadata["trace"], written.metadata["model"]) == (FIRST, "a")
    with in_trace(FIRST), pytest.raises(KeyConflict):
        operation(account, {"model": "b"})


def test_a_repeat_after_tracing_was_turned_on_or_off_is_one_too(account: Account) -> None:
    spend(account, 1, key="before")
    with in_trace(FIRST):
        assert spend(account, 1, key="before").repeated
        spend(account, 1, key="during")
    assert spend(account, 1, key="during").repeated
    assert Entry.objects.get(key="before").metadata == {}


def test_usage_at_another_price_is_a_repeat_in_another_trace_too(account: Account) -> None:
    add_markup(Decimal(0))
    usage = charging.Usage("chat-small", {"input_tokens": Decimal(1000)})
    put_rate(price="1")
    with in_trace(FIRST):
        first = charging.spend(account.pk, usage, key="work")
    put_rate(price="2")
    with in_trace(SECOND):
        again = charging.spend(account.pk, usage, key="work")
    assert (again.entry_id, again.repeated) == (first.entry_id, True)


def test_what_is_taken_back_has_the_trace_and_a_hold_has_none(account: Account) -> None:
    with in_trace(FIRST):
        claw_back(account, claim(5))
        hold(account, 1)
    assert Entry.objects.get(kind="refund").metadata["trace"] == FIRST
    assert Hold.objects.get().metadata == {}


def test_the_name_is_the_ledgers_own(account: Account) -> None:
    with pytest.raises(InvalidEntry, match="'trace' is reserved"):
        spend(account, 1, metadata={"trace": "mine"})


def test_the_trace_takes_no_room_of_the_callers(account: Account) -> None:
    metadata = {"text": "a" * (LONGEST_METADATA - len('{"text": ""}'))}
    with in_trace(FIRST):
        spend(account, 1, metadata=metadata)
    assert Entry.objects.get(kind="spend").metadata == {**metadata, "trace": FIRST}


def test_customers_dont_see_it(account: Account) -> None:
    with in_trace(FIRST):
        spend(account, 1, metadata={"message": "for Ada"})
    owner = account.owner
    assert owner is not None
    browser = sign_in(owner)
    seen = [browser.get(f"/credits/{page}") for page in ("", "statement/", "history/")]
    assert [FIRST in page.content.decode() for page in seen] == [False] * 3
    file: Any = browser.get("/credits/statement.csv")
    assert FIRST not in b"".join(file.streaming_content).decode()
    export = "".join(statement(account))
    assert "for Ada" in export
    assert FIRST not in export


def test_an_unsampled_trace_is_named_and_nothing_outside_of_one(account: Account) -> None:
    with tracing(sampled=False):
        with in_trace(FIRST):
            spend(account, 1, key="inside")
            assert not spans.is_recording()
        spend(account, 1, key="outside")
    assert Entry.objects.get(key="inside").metadata == {"trace": FIRST}
    assert Entry.objects.get(key="outside").metadata == {}
