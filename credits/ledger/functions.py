"""The ledger's functions in SQL: one a file in `credits/ledger/sql/`, and what of it the database doesn't have.

A file states the function as it is now. A migration carries a copy of the files that it changes, so that it does the
same forever (docs/contributing.md#ledger-functions).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from core.database.replica.routing import reading_connection

FOLDER = Path(__file__).parent / "sql"

# Those that a call would find. Functions of triggers that pgtrigger makes have other names.
INSTALLED = r"""
    SELECT p.proname, pg_get_functiondef(p.oid) FROM pg_proc p
    WHERE p.proname LIKE 'credits\_%' AND pg_function_is_visible(p.oid) ORDER BY p.oid
"""
# A comment before the function, its head, its body.
SOURCE = re.compile(r"(?:--.*\n)*(CREATE OR REPLACE FUNCTION .*?)AS \$\$(.*)\$\$;\n", re.DOTALL)
DEFINITION = re.compile(r"(.*?)AS \$function\$(.*)\$function\$\n", re.DOTALL)


def altered_functions() -> Iterator[tuple[str, str]]:
    """Yield each function that isn't in the database as its file says, and what is wrong with it."""
    files = _files()
    with reading_connection().cursor() as cursor:
        cursor.execute(INSTALLED)
        installed = cursor.fetchall()
    for name in sorted(files.keys() - {name for name, _ in installed}):
        yield name, "is missing"
    for name, definition in installed:
        if name not in files:
            yield name, "has no file"
        elif _comparable(DEFINITION, definition) != files[name]:
            yield name, "is not what its file says"


@cache
def _files() -> dict[str, tuple[str, str]]:
    return {path.stem: _comparable(SOURCE, path.read_text()) for path in FOLDER.glob("*.sql")}


def _comparable(shape: re.Pattern[str], text: str) -> tuple[str, str]:
    """Head and body. PostgreSQL keeps the body as it was written and rewrites the head, as the files do but for
    spaces and one type's name.
    """
    found = shape.fullmatch(text)
    if found is None:
        raise ValueError(f"This is no CREATE OR REPLACE FUNCTION … AS $$ … $$: {text[:200]}")
    head = re.sub(r"FUNCTION \w+\.", "FUNCTION ", found[1]).replace("timestamp with time zone", "timestamptz")
    return re.sub(r"\s", "", head), found[2]
