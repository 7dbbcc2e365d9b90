"""Define triggers that protect a table's history: append-only rows, or rows that are never deleted."""

from __future__ import annotations

import pgtrigger

# Set in a transaction if the site lets staff act for themselves: the triggers that forbid it then do nothing.
SELF_SERVICE = "credits.self_service"
UNLESS_SELF_SERVICE = f"coalesce(current_setting('{SELF_SERVICE}', true), '') <> 'on'"


def append_only() -> list[pgtrigger.Trigger]:
    """Return triggers that refuse UPDATE, DELETE and TRUNCATE."""
    return [
        pgtrigger.Protect(name="is_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        _not_emptied(),
    ]


def never_deleted() -> list[pgtrigger.Trigger]:
    """Return triggers that refuse DELETE and TRUNCATE."""
    return [pgtrigger.Protect(name="is_never_deleted", operation=pgtrigger.Delete), _not_emptied()]


def keeps(*columns: str) -> pgtrigger.Trigger:
    """Return a trigger that refuses an UPDATE naming one of these columns.

    It fires after such statements: pgtrigger's ReadOnly would read and lock each row of the hot path once more.
    """
    return pgtrigger.Trigger(
        name="keeps_what_it_came_as",
        level=pgtrigger.Row,
        when=pgtrigger.After,
        operation=pgtrigger.UpdateOf(*columns),  # type: ignore[no-untyped-call]
        func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;",
    )


def _not_emptied() -> pgtrigger.Trigger:
    # PostgreSQL has no row triggers for TRUNCATE, which would bypass each row's guard.
    return pgtrigger.Trigger(
        name="is_never_emptied",
        level=pgtrigger.Statement,
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        func="RAISE EXCEPTION 'Cannot truncate %', TG_TABLE_NAME;",
    )
