"""Our function with the hash chain taken out, to see what the chain costs. Everything else stays."""

from __future__ import annotations

import psycopg

from dev.bench.contenders.ledger import load, script, spent

__all__ = ["adapt", "load", "script", "spent"]

DEFINITION = "SELECT pg_get_function_identity_arguments('credits_entry_hash'::regproc)"
WITHOUT = """
CREATE OR REPLACE FUNCTION credits_entry_hash({arguments}) RETURNS bytea IMMUTABLE PARALLEL SAFE
LANGUAGE sql AS $$ SELECT ''::bytea $$
"""


def adapt(url: str) -> None:
    """Puts a function that hashes nothing in the place of the one that seals an entry."""
    with psycopg.connect(url) as connection:
        row = connection.execute(DEFINITION).fetchone()
        assert row
        connection.execute(WITHOUT.format(arguments=row[0]).encode())
