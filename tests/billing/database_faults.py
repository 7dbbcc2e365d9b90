"""Misfortunes of the database, made by temporary triggers: a commit that fails, a write that takes its time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

# A sequence is not rolled back, so the fault knows that it has happened.
FAILING_COMMITS = """
CREATE SEQUENCE test_commits;
CREATE FUNCTION test_fail_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('test_commits') <= {times} THEN
        RAISE EXCEPTION 'the power went out';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER test_fail_commit AFTER UPDATE ON billing_purchase DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.status = 'completed') EXECUTE FUNCTION test_fail_commit();
"""
END_FAILING_COMMITS = """
DROP TRIGGER test_fail_commit ON billing_purchase;
DROP FUNCTION test_fail_commit();
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
def failing_commits(times: int = 1) -> Iterator[None]:
    """The next commits that complete a purchase fail, after everything in them was written."""
    _run(FAILING_COMMITS.format(times=times))
    try:
        yield
    finally:
        _run(END_FAILING_COMMITS)


def fail_next_commit() -> None:
    """Inside `failing_commits`: once more."""
    _run("SELECT setval('test_commits', 1, false)")


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
