"""`make_codes`, and what the database refuses of codes, whoever writes."""

from __future__ import annotations

import re
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from accounts.audit.models import AuditEntry
from accounts.models import User
from credits.ledger import operations as ledger
from credits.ledger.models import Entry
from credits.redemption.models import Code, CodeBatch, Redemption
from tests.redemption.builders import new_batch, new_code, redeem_code, the_code
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db
PRINTED = re.compile(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}")


def run(*arguments: str) -> tuple[list[str], str]:
    out, err = StringIO(), StringIO()
    call_command("make_codes", *arguments, stdout=out, stderr=err)
    return out.getvalue().splitlines(), err.getvalue()


# --- The command ----------------------------------------------------------------------------------------------------


def test_the_command_prints_each_code_once_and_they_can_be_redeemed() -> None:
    codes, told = run("--credits", "100", "--count", "20")
    batch = CodeBatch.objects.get()
    assert (len(set(codes)), Code.objects.count()) == (20, 20)
    assert all(map(PRINTED.fullmatch, codes))
    assert str(batch.pk) in told
    assert (batch.created_by, batch.expires_at, batch.uses, batch.credits) == (None, None, 1, Decimal(100))
    assert redeem_code(UserFactory.create(), codes[-1]).amount == 100
    assert AuditEntry.objects.get(kind="redemption.codebatch").actor_id is None


def test_the_command_takes_all_terms(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    run("--credits=2.5", "--count=1", "--uses=3", "--valid-days=30", "--expires=2099-12-31", "--name=Fair")
    batch = CodeBatch.objects.get()
    assert (batch.uses, batch.validity_days, batch.name, batch.credits) == (3, 30, "Fair", Decimal("2.5"))
    assert batch.expires_at is not None
    assert batch.expires_at.isoformat() == "2099-12-31T23:00:00+00:00", "the end of the site's day"
    run("--credits=1", "--count=1", "--expires=2099-12-31T12:00:00+02:00")
    latest = CodeBatch.objects.exclude(pk=batch.pk).get().expires_at
    assert latest is not None
    assert latest.isoformat() == "2099-12-31T10:00:00+00:00"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--credits=0"], "credits: "),
        (["--credits=1e3"], "--credits: "),
        (["--credits=0.0000001"], "credits: "),
        (["--count=0"], "count: "),
        (["--count=1_0"], "--count: "),
        (["--uses=٣"], "--uses: "),
        (["--uses=1.5"], "--uses: "),
        (["--count=1001"], "count: "),
        (["--uses=0"], "uses: "),
        (["--valid-days=0"], "validity_days: "),
        (["--expires=soon"], "--expires: "),
        (["--expires=9999-12-31"], "--expires: "),
        (["--expires=2099-12-31T12:00:00"], "no offset"),
        (["--expires=2020-01-01"], "expires_at: "),
        (["--name=\x00"], "name: "),
        (["--name= "], "name: "),
        (["--reason="], "reason: "),
    ],
)
def test_the_command_names_a_wrong_term_and_makes_nothing(arguments: list[str], told: str) -> None:
    with pytest.raises(CommandError) as error:
        run("--credits=1", "--count=1", *arguments)
    assert told in str(error.value)
    assert "Nothing was made." in str(error.value)
    assert not CodeBatch.objects.exists()


# --- The database ---------------------------------------------------------------------------------------------------


def refused(statement: str, *arguments: Any) -> str:
    """How the database refuses a statement: by which constraint, or with which words."""
    with (
        connection.cursor() as cursor,
        pytest.raises((IntegrityError, ProgrammingError)) as error,
        transaction.atomic(),
    ):
        cursor.execute(statement, arguments)
    cause: Any = error.value.__cause__
    return cause.diag.constraint_name or str(cause)


@pytest.mark.parametrize(
    ("change", "guard"),
    [
        ("UPDATE redemption_codebatch SET credits = 1000000", "Cannot update"),
        ("UPDATE redemption_codebatch SET uses = 2", "Cannot update"),
        ("UPDATE redemption_codebatch SET expires_at = NULL", "Cannot update"),
        ("DELETE FROM redemption_codebatch", "Cannot delete"),
        ("TRUNCATE redemption_codebatch CASCADE", "Cannot truncate"),
        ("UPDATE redemption_code SET code_hash = repeat('0', 64)", "Cannot update"),
        ("UPDATE redemption_code SET uses_left = uses_left + 1", "Cannot update"),
        ("UPDATE redemption_code SET uses_left = -1", "redemption_code_uses_left_check"),
        ("DELETE FROM redemption_code", "Cannot delete"),
        ("UPDATE redemption_redemption SET use = 2", "Cannot update"),
        ("DELETE FROM redemption_redemption", "Cannot update or delete"),
        ("TRUNCATE redemption_redemption", "Cannot truncate"),
    ],
)
def test_nobodys_sql_changes_terms_codes_or_redemptions(change: str, guard: str) -> None:
    redeem_code(UserFactory.create(), new_code())
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert guard in refused(change)


@pytest.mark.parametrize("table", ["redemption_codebatch", "redemption_code"])
def test_what_is_revoked_stays_revoked(table: str) -> None:
    new_batch()
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET revoked_at = now()")
    for later in ("NULL", "now() + interval '1 day'"):
        assert "Cannot update" in refused(f"UPDATE {table} SET revoked_at = {later}")


@pytest.mark.parametrize(
    ("columns", "guard"),
    [
        ({"name": ""}, "redemption_batch_has_a_name_and_a_reason"),
        ({"reason": ""}, "redemption_batch_has_a_name_and_a_reason"),
        ({"credits": 0}, "redemption_batch_brings_something"),
        ({"uses": 0}, "redemption_batch_brings_something"),
        ({"count": 0}, "redemption_batch_brings_something"),
        ({"validity_days": 0}, "redemption_batch_validity_is_bounded"),
        ({"validity_days": 40_000}, "redemption_batch_validity_is_bounded"),
        ({"expires_at": timezone.now().replace(year=2020)}, "redemption_batch_expires_after_creation"),
    ],
)
def test_no_batch_without_its_terms(columns: dict[str, Any], guard: str) -> None:
    whole = {"name": "N", "reason": "R", "credits": 1, "uses": 1, "count": 1, "key": uuid4(), **columns}
    with pytest.raises(IntegrityError, match=guard), transaction.atomic():
        CodeBatch.objects.create(**whole)


def test_a_code_is_stored_as_a_hash_only() -> None:
    batch = new_batch().batch
    with pytest.raises(IntegrityError, match="redemption_code_holds_a_hash"), transaction.atomic():
        Code.objects.create(batch=batch, code_hash="7K3M-Q9TX-0ZB4-WHE2", last4="WHE2", uses_left=1)


def test_a_redemption_is_what_its_code_promises() -> None:
    """By hand: the amount, the account, the business key, and the use that was taken, each of them wrong."""
    new_code(uses=5)
    code = the_code()
    ada: User = UserFactory.create()
    account, other = ledger.open_account(ada), ledger.open_account(UserFactory.create())
    Code.objects.update(uses_left=4)

    def entry(key: str, amount: int = 100, kind: Entry.Kind = Entry.Kind.PROMOTION) -> int:
        return ledger.grant(account.pk, Decimal(amount), kind=kind, key=key, promotional=True).entry_id

    def insert(entry_id: int, account: Any = account, use: int = 1) -> None:
        with transaction.atomic():
            Redemption.objects.create(code=code, account=account, user=ada, entry_id=entry_id, use=use)

    right = entry(f"redemption:{code.pk}")
    for wrong in ((entry("another key"),), (right, other), (right, account, 2), (right, account, 5)):
        with pytest.raises(IntegrityError, match="not taken from it"):
            insert(*wrong)
    with pytest.raises(IntegrityError, match="redemption_use_counts_from_one"):
        insert(right, account, 0)
    insert(right)
    for again in (1, 2):
        Code.objects.update(uses_left=5 - again)
        with pytest.raises(IntegrityError, match=r"redemption_o\w+|entry_id"):
            insert(right, account, again)


def test_a_batchs_maker_gets_nothing_of_it_by_hand_either() -> None:
    ada: User = UserFactory.create()
    new_code(uses=5, created_by=ada)
    account, code = ledger.open_account(ada), the_code()
    key = f"redemption:{code.pk}"
    granted = ledger.grant(account.pk, Decimal(100), kind=Entry.Kind.PROMOTION, key=key, promotional=True)
    Code.objects.update(uses_left=4)
    with pytest.raises(IntegrityError, match="that of who made it"), transaction.atomic():
        Redemption.objects.create(
            code=code, account=account, user=UserFactory.create(), entry_id=granted.entry_id, use=1
        )
