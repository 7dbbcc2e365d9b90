"""A code brings its credits once per use and account, and says nothing of why it doesn't."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.limits.counters import forget_counts
from accounts.limits.rates import RateLimited
from accounts.models import User
from accounts.teams.errors import UnknownTeam
from accounts.teams.membership import create_team
from credits.errors import AccountClosed, InvalidEntry
from credits.ledger import operations as ledger
from credits.ledger.models import Account, Entry, Lot
from credits.proof.checking import find_violations
from credits.redemption.codes import ALPHABET, hash_code, read_code
from credits.redemption.codes import new_code as random_code
from credits.redemption.errors import CodeInvalid
from credits.redemption.escrow import issue_escrow_code
from credits.redemption.making import revoke
from credits.redemption.models import Code, Redemption
from tests.credits.builders import claim, claw_back, grant
from tests.redemption.builders import balance_of, let_expire, new_batch, new_code, redeem_code, the_code
from tests.support.builders import UserFactory
from tests.teams.builders import join

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_counted() -> None:
    forget_counts()


@pytest.fixture
def ada() -> User:
    user: User = UserFactory.create(username="ada")
    return user


# --- Credits --------------------------------------------------------------------------------------------------------


def test_a_code_brings_promotional_credits_and_the_books_say_from_where(ada: User) -> None:
    new = new_batch("12.5", validity_days=30)
    redeemed = redeem_code(ada, new.codes[0])

    assert (redeemed.amount, redeemed.balance) == (Decimal("12.5"), Decimal("12.5"))
    entry, lot, redemption = Entry.objects.get(), Lot.objects.get(), Redemption.objects.get()
    assert (entry.kind, entry.amount, entry.key) == (
        "promotion",
        Decimal("12.5"),
        f"redemption:{the_code().pk}",
    )
    assert entry.metadata["batch"] == str(new.batch.pk)
    assert entry.metadata["description"] == f"Redemption code ending in {new.codes[0][-4:]}"
    assert (lot.promotional, lot.cost_minor, lot.expires_at) == (True, None, redeemed.expires_at)
    assert redeemed.expires_at is not None
    assert timedelta(days=29) < redeemed.expires_at - timezone.now() <= timedelta(days=30)
    assert (redemption.user, redemption.account.owner, redemption.entry, redemption.use) == (
        ada,
        ada,
        entry,
        1,
    )
    assert the_code().uses_left == 0
    assert list(find_violations()) == []


def test_credits_without_a_validity_never_expire(ada: User) -> None:
    assert redeem_code(ada, new_code()).expires_at is None
    assert Lot.objects.get().expires_at is None


def test_a_code_is_redeemed_for_a_team_by_its_members_only(ada: User) -> None:
    team = create_team(UserFactory.create(), "Engines")
    code = new_code()
    with pytest.raises(UnknownTeam):
        redeem_code(ada, code, team_id=team.pk)
    join(team, ada)
    assert redeem_code(ada, code, team_id=team.pk).balance == 100
    assert balance_of(ada, team) == 100
    assert balance_of(ada) == 0


@pytest.mark.parametrize(
    "typed",
    [
        lambda code: code.lower(),
        lambda code: code.replace("-", ""),
        lambda code: f"  {code.replace('-', ' – ')}\n",
        lambda code: code.replace("0", "o").replace("1", "l"),
        lambda code: "".join(chr(ord(each) + 0xFEE0) for each in code if each != "-"),
    ],
    ids=["in lower case", "without hyphens", "with spaces and dashes", "with look-alikes", "in full width"],
)
def test_a_code_is_read_however_it_is_typed(ada: User, typed: Callable[[str], str]) -> None:
    assert redeem_code(ada, typed(new_code())).amount == 100


def test_a_code_has_eighty_random_bits_and_nothing_that_looks_alike() -> None:
    assert len(set(ALPHABET)) == 32
    assert not set("ILOU") & set(ALPHABET)
    characters = [read_code(random_code()) or "" for _ in range(500)]
    assert {len(each) for each in characters} == {16}
    for place in range(16):  # each place takes all values: 5 bits each
        assert len({each[place] for each in characters}) == 32, place


def test_a_code_is_known_by_its_key_only_which_outlives_the_secret_key(ada: User, settings: Any) -> None:
    codes = new_batch(count=2).codes
    settings.REDEMPTION_KEY = "another key"
    with pytest.raises(CodeInvalid):
        redeem_code(ada, codes[0])
    settings.REDEMPTION_KEY, settings.SECRET_KEY = settings.SECRET_KEY, "a new secret key"
    assert redeem_code(ada, codes[0]).amount == 100


# --- Refusals -------------------------------------------------------------------------------------------------------


def unknown(_ada: User) -> str:
    return random_code()


def used_up(_ada: User) -> str:
    code = new_code()
    redeem_code(UserFactory.create(), code)
    return code


def expired(_ada: User) -> str:
    new = new_batch()
    let_expire(new)
    return new.codes[0]


def of_a_revoked_batch(_ada: User) -> str:
    new = new_batch()
    assert revoke(new.batch)
    return new.codes[0]


def revoked(_ada: User) -> str:
    code = new_code()
    assert revoke(Code.objects.get(code_hash=hash_code(read_code(code) or "")))
    return code


def redeemed_by_oneself(ada: User) -> str:
    code = new_code(uses=5)
    redeem_code(ada, code)
    return code


def made_by_oneself(ada: User) -> str:
    return new_code(created_by=ada)


def gift_that_was_refunded(_ada: User) -> str:
    escrow = ledger.open_escrow()
    grant(escrow)
    code = issue_escrow_code(escrow)[1]
    claw_back(escrow, claim(100))
    return code


REFUSED = [
    gift_that_was_refunded,
    unknown,
    used_up,
    expired,
    of_a_revoked_batch,
    revoked,
    redeemed_by_oneself,
    made_by_oneself,
]


def refusal(ada: User, code: str) -> tuple[Any, ...]:
    """What is answered, and which statements the database is asked on the way."""
    with CaptureQueriesContext(connection) as queries, pytest.raises(CodeInvalid) as error:
        redeem_code(ada, code)
    asked = [query["sql"].split("'")[0] for query in queries if "SAVEPOINT" not in query["sql"]]
    return error.value.code, error.value.status, error.value.message, error.value.params, asked


def test_whatever_is_wrong_with_a_code_answer_and_statements_are_the_same(ada: User) -> None:
    ledger.open_account(ada)
    codes = [why(ada) for why in REFUSED]
    before = (balance_of(ada), Entry.objects.count(), list(Code.objects.values_list("uses_left", flat=True)))
    first = refusal(ada, codes[0])
    assert first[:2] == ("code_invalid", 404)
    for why, code in zip(REFUSED, codes, strict=True):
        assert refusal(ada, code) == first, why.__name__
    after = (balance_of(ada), Entry.objects.count(), list(Code.objects.values_list("uses_left", flat=True)))
    assert after == before


@pytest.mark.parametrize(
    "text", ["", "hello", "7" * 15, "7" * 17, "U" * 16, "-" * 5000, "\x00", "\ud800" * 16]
)
def test_what_is_no_code_at_all_is_answered_like_a_wrong_one(ada: User, text: str) -> None:
    with pytest.raises(CodeInvalid) as error:
        redeem_code(ada, text)
    with pytest.raises(CodeInvalid) as wrong:
        redeem_code(ada, random_code())
    assert (error.value.message, error.value.params) == (wrong.value.message, wrong.value.params)


def test_a_wrong_code_leaves_no_account_behind(ada: User) -> None:
    with pytest.raises(CodeInvalid):
        redeem_code(ada, random_code())
    assert not Account.objects.exists()


def test_a_code_for_several_brings_each_account_its_credits_once(ada: User) -> None:
    code = new_code(uses=2)
    ben, cleo = UserFactory.create(), UserFactory.create()
    redeem_code(ada, code)
    with pytest.raises(CodeInvalid):
        redeem_code(ada, code)
    redeem_code(ben, code)
    with pytest.raises(CodeInvalid):
        redeem_code(cleo, code)
    assert [balance_of(user) for user in (ada, ben, cleo)] == [100, 100, 0]
    assert sorted(Redemption.objects.values_list("use", flat=True)) == [1, 2]


def test_a_batch_is_nothing_for_its_maker_nor_for_the_makers_team(ada: User, settings: Any) -> None:
    team = create_team(ada, "Engines")
    ben = UserFactory.create()
    join(team, ben)
    code = new_code(created_by=ada, uses=5)
    for user, where in ((ada, None), (ada, team.pk), (ben, team.pk)):
        with pytest.raises(CodeInvalid):
            redeem_code(user, code, team_id=where)
    redeem_code(ben, code)
    settings.STAFF_MAY_SERVE_THEMSELVES = True
    redeem_code(ada, code)
    assert balance_of(ada) == balance_of(ben) == 100


def test_an_account_that_takes_nothing_in_leaves_the_code_its_use(ada: User) -> None:
    account = ledger.open_account(ada)
    ledger.close(account.pk)
    code = new_code()
    with pytest.raises(AccountClosed):
        redeem_code(ada, code)
    assert the_code().uses_left == 1
    assert redeem_code(UserFactory.create(), code).amount == 100


# --- The same again -------------------------------------------------------------------------------------------------


def test_whoever_lost_the_answer_gets_it_again_by_its_key(ada: User) -> None:
    code, other = new_code(uses=2), new_code(credits=5)
    first = redeem_code(ada, code, key="call-1")
    assert redeem_code(ada, code.lower(), key="call-1") == first
    for key in ("", "call-2"):
        with pytest.raises(CodeInvalid):
            redeem_code(ada, code, key=key)
    assert redeem_code(ada, other, key="call-1").balance == 105, "another code under the same key"
    assert redeem_code(UserFactory.create(), code, key="call-1").balance == 100, "somebody else's key"
    assert balance_of(ada) == 105


@pytest.mark.parametrize("key", ["k" * 201, "\x00"])
def test_a_key_that_cannot_be_stored_is_refused_before_anything_is_taken(ada: User, key: str) -> None:
    with pytest.raises(InvalidEntry):
        redeem_code(ada, new_code(), key=key)
    assert the_code().uses_left == 1


# --- Throttle -------------------------------------------------------------------------------------------------------


def test_wrong_codes_are_limited_by_user_team_and_address_and_right_ones_are_not(
    ada: User, settings: Any
) -> None:
    settings.REDEMPTION_FAILURES, settings.REDEMPTION_ADDRESS_FAILURES = 3, 5
    for _number in range(8):
        redeem_code(ada, new_code())
    for text in (random_code(), "no code", random_code()):
        with pytest.raises(CodeInvalid):
            redeem_code(ada, text)
    code = new_code()
    with pytest.raises(RateLimited) as limited:
        redeem_code(ada, code, address="198.51.100.1")
    assert 0 < limited.value.params["retry_after"] <= 3600

    ben = UserFactory.create()
    for _number in range(2):
        with pytest.raises(CodeInvalid):
            redeem_code(ben, random_code())
    with pytest.raises(RateLimited):
        redeem_code(ben, code)
    assert redeem_code(ben, code, address="198.51.100.1").amount == 100


def test_a_teams_members_share_its_limit(ada: User, settings: Any) -> None:
    settings.REDEMPTION_FAILURES = 2
    team = create_team(ada, "Engines")
    ben = UserFactory.create()
    join(team, ben)
    for user in (ada, ben):
        with pytest.raises(CodeInvalid):
            redeem_code(user, random_code(), team_id=team.pk)
    code = new_code()
    with pytest.raises(RateLimited):
        redeem_code(ben, code, team_id=team.pk)
    assert redeem_code(ben, code).amount == 100


def test_a_failure_that_is_not_the_codes_does_not_count(ada: User, settings: Any) -> None:
    settings.REDEMPTION_FAILURES = 1
    ledger.close(ledger.open_account(ada).pk)
    for _number in range(3):
        with pytest.raises(AccountClosed):
            redeem_code(ada, new_code())
