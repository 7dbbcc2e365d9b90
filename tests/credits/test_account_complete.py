"""Each statement names the account of the rows of the ledger that it looks for: the tables can be split by account."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from credits.ledger.functions import FOLDER

ROOT = Path(__file__).resolve().parent.parent.parent
LEDGER = "credits_(?:account|lot|entry|hold|clawback)"
# Where rows are looked for, and what the statement calls their table.
LOOKED_FOR = re.compile(rf"(?:\b(?:FROM|JOIN|UPDATE)|,)\s+({LEDGER})\b(?!\.)(?: AS)?(?: ([a-z]+)\b)?")


def unnamed(statement: str) -> list[bool]:
    """For each table of the ledger that a statement looks for rows of, in their order: whether it doesn't say of which
    account.
    """
    text = re.sub(r"'[^']*'", "''", re.sub(r"\s+", " ", re.sub(r"--.*", "", statement)))
    return [
        not names_account(
            text, f"{found[2]}." if found[2] else "", "id" if found[1] == "credits_account" else "account_id"
        )
        for found in LOOKED_FOR.finditer(text)
    ]


def names_account(text: str, alias: str, column: str) -> bool:
    name = rf"(?<![\w.]){re.escape(alias + column)}\b"
    origin = rf"(?<![\w.]){re.escape(alias)}origin_account ="
    return bool(
        re.search(rf"{name} =|= {name}|(?:GROUP|PARTITION) BY {name}|USING \({column}|{origin}", text)
    )


def statements_of_functions() -> Iterator[tuple[str, str]]:
    for path in sorted(FOLDER.glob("*.sql")):
        for statement in path.read_text().split("AS $$", 1)[1].split(";"):
            yield path.stem, statement


def statements_of_modules() -> Iterator[tuple[str, str]]:
    for path in sorted([*(ROOT / "credits").rglob("*.py"), *(ROOT / "billing").rglob("*.py")]):
        if "migrations" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text())):
                text = ast.unparse(node) if isinstance(node, ast.JoinedStr) else getattr(node, "value", None)
                if isinstance(text, str) and LOOKED_FOR.search(text):
                    yield str(path.relative_to(ROOT)), text


def test_each_statement_of_the_functions_names_the_account() -> None:
    looked_for = [(name, text, unnamed(text)) for name, text in statements_of_functions()]
    assert sum(len(places) for *_, places in looked_for) > 90
    assert [(name, text) for name, text, places in looked_for if any(places)] == []


def test_each_join_of_what_looks_over_all_accounts_is_by_account() -> None:
    """The proof, the jobs and the figures begin at one table without it; `locate_hold` is the one way from an id."""
    looked_for = [(path, text, unnamed(text)) for path, text in statements_of_modules()]
    assert sum(len(places) for *_, places in looked_for) > 60
    assert [(path, text) for path, text, places in looked_for if any(places[1:])] == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credits_lot l SET held = 0 WHERE l.id = p_lot",
        "SELECT FROM credits_account a, credits_hold h WHERE a.id = p_account AND h.id = p_hold",
        "SELECT FROM credits_entry e JOIN credits_lot l ON l.id = e.lots[1] WHERE e.account_id = p_account",
        "SELECT FROM credits_clawback WHERE id = ANY (p_ids)",
        "SELECT FROM credits_account a WHERE a.owner_id = 'a.id = p_account'",
    ],
)
def test_a_statement_that_names_no_account_is_found(statement: str) -> None:
    assert any(unnamed(statement))


@pytest.mark.django_db
def test_functions_take_and_give_plain_values_and_no_rows_of_tables() -> None:
    with connection.cursor() as cursor:
        cursor.execute(r"""
            SELECT p.proname FROM pg_proc p
            JOIN pg_type t ON t.oid = ANY (ARRAY[p.prorettype] || coalesce(p.proallargtypes, p.proargtypes::oid[]))
            WHERE p.proname LIKE 'credits\_%' AND t.typrelid <> 0
        """)
        assert cursor.fetchall() == []


def test_functions_that_take_parameters_into_a_query_keep_its_plan() -> None:
    """PL/pgSQL does; SQL is for what becomes part of the expression that calls it."""
    in_sql = [path.stem for path in FOLDER.glob("*.sql") if "LANGUAGE sql" in path.read_text()]
    assert not [
        name for name, text in statements_of_functions() if name in in_sql and LOOKED_FOR.search(text)
    ]
