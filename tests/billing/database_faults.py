"""Misfortunes of the database: a commit that fails, a slow write, a function without its lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import connection

# Of a table, which writes are meant and which rows.
Watched = tuple[str, str, str]
COMPLETIONS: tuple[Watched, ...] = (("purchases_purchase", "UPDATE", "NEW.status = 'completed'"),)
RETURNS: tuple[Watched, ...] = (
    ("refunds_refund", "INSERT OR UPDATE", "true"),
    ("refunds_dispute", "INSERT OR UPDATE", "true"),
)

# A sequence is not rolled back, so the fault knows that it has happened.
FAILING_COMMITS = """
CREATE SEQUENCE test_commits MINVALUE -9 START WITH {start};
CREATE FUNCTION test_fail_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('test_commits') <= 0 THEN
        RAISE EXCEPTION 'the power went out';
    END IF;
    RETURN NULL;
END $$;
"""
FAILING_TABLE = """
CREATE CONSTRAINT TRIGGER test_fail_commit AFTER {writes} ON {table} DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN ({rows}) EXECUTE FUNCTION test_fail_commit();
"""
END_FAILING_COMMITS = """
DROP FUNCTION test_fail_commit() CASCADE;
DROP SEQUENCE test_commits;
"""
SLOW_GRANTS = """
CREATE FUNCTION test_be_slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep({seconds});
    RETURN NEW;
END $$;
CREATE TRIGGER test_be_slow BEFORE INSERT ON credits_entry FOR EACH ROW EXECUTE FUNCTION test_be_slow();
"""
END_SLOW_GRANTS = "DROP TRIGGER test_be_slow ON credits_entry; DROP FUNCTION test_be_slow();"


@contextmanager
def failing_commits(times: int = 1, of: Sequence[Watched] = COMPLETIONS) -> Iterator[None]:
    """The next commits that complete a purchase (or write what ``of`` names) fail, all written."""
    _run(FAILING_COMMITS.format(start=1 - times))
    for table, writes, rows in of:
        _run(FAILING_TABLE.format(table=table, writes=writes, rows=rows))
    try:
        yield
    finally:
        _run(END_FAILING_COMMITS)


def fail_next_commit() -> None:
    """Inside `failing_commits`: once more."""
    _run("SELECT setval('test_commits', 0, false)")


@contextmanager
def slow_grants(seconds: float) -> Iterator[None]:
    """Each entry takes this long to write, so that whoever comes meanwhile meets an open transaction."""
    _run(SLOW_GRANTS.format(seconds=seconds))
    try:
        yield
    finally:
        _run(END_SLOW_GRANTS)


def _run(statements: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statements)


@contextmanager
def rewritten_functions(was: str, becomes: str, *names: str) -> Iterator[None]:
    """These functions of the database have one piece of text instead of another."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef(f::regproc) FROM unnest(%s::text[]) AS f", [list(names)])
        originals = [definition for (definition,) in cursor.fetchall()]
    assert all(was in definition for definition in originals)
    _run(";".join(definition.replace(was, becomes) for definition in originals))
    try:
        yield
    finally:
        _run(";".join(originals))
