"""The ledger's functions: the database has each as its file says, and says so where it doesn't."""

from __future__ import annotations

import pytest
from django.db import connection

from credits.ledger.functions import FOLDER, altered_functions
from credits.proof.checking import Violation, find_violations

pytestmark = pytest.mark.django_db

DEFINITIONS = r"SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname LIKE 'credits\_%' ORDER BY oid"
APPEND_ONLY = "pgtrigger_is_append_only_aec4a"


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def definitions() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(DEFINITIONS)
        return [definition for (definition,) in cursor.fetchall()]


def test_migrations_end_at_what_the_files_say() -> None:
    assert list(altered_functions()) == []
    migrated = definitions()
    run("SET LOCAL check_function_bodies = off")
    for path in FOLDER.glob("*.sql"):
        run(path.read_text())
    assert definitions() == migrated


def with_another_body(function: str, old: str, new: str) -> str:
    [definition] = [each for each in definitions() if f".{function}(" in each.split("\n")[0]]
    assert old in definition
    return definition.replace(old, new)


def test_a_function_that_differs_from_its_file_is_a_violation() -> None:
    assert list(find_violations()) == []
    run(
        with_another_body(
            "credits_spend", "balance = a.balance - p_amount", "balance = a.balance - p_amount / 2"
        )
    )
    run("ALTER FUNCTION credits_verify_lots SECURITY DEFINER")
    run("DROP FUNCTION credits_close")
    run("CREATE FUNCTION credits_hand_out(p_account uuid) RETURNS void LANGUAGE sql AS ''")
    run("CREATE FUNCTION credits_forfeit(p_account uuid) RETURNS void LANGUAGE sql AS ''")
    run(
        f"CREATE OR REPLACE FUNCTION {APPEND_ONLY}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
    )

    assert set(find_violations()) == {
        Violation("guards_are_armed", f"function {function}", f"it {difference}")
        for function, difference in [
            ("credits_close", "is missing"),
            ("credits_forfeit", "is not what its file says"),
            ("credits_hand_out", "has no file"),
            ("credits_spend", "is not what its file says"),
            ("credits_verify_lots", "is not what its file says"),
            (APPEND_ONLY, "is not what its model says"),
        ]
    }


# A call more costs what docs/decisions/ledger-in-sql-functions.md says.
LONG = {"credits_spend_batch"}


def test_a_file_holds_one_short_function_of_its_own_name() -> None:
    for path in FOLDER.glob("*.sql"):
        lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("--")]
        assert lines[0].startswith(f"CREATE OR REPLACE FUNCTION {path.stem}(")
        assert (len(lines) <= 50) is (path.stem not in LONG), path
