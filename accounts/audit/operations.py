"""Define migration operations that audit a table. They don't use pgtrigger, whose triggers a script can switch off."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.migrations import RunSQL

# Daily work of the site is recorded elsewhere, such as in purchase events.
BY_HAND = "audit_is_by_hand()"


def watch(
    table: str,
    kind: str,
    columns: Sequence[str],
    *,
    named_by: str = "",
    hidden: Sequence[str] = (),
    beside: Sequence[str] = (),
    inserts: str | None = "true",
    updates: str | None = "true",
    deletes: str | None = "true",
) -> RunSQL:
    """Record every change of these columns, whoever makes it.

    Args:
        table: the audited table; `kind` is its model as entries name it, ``packages.package``.
        named_by: the column with a row's readable name; never a user's name.
        hidden: columns of which only the fact that they changed is kept: secrets, and statements about users.
        beside: columns to keep with each entry even if unchanged, such as an amount's currency.
        inserts, updates, deletes: the SQL condition under which each is recorded. None: never.
    """
    recorded = [*columns, *hidden]
    arguments = [kind, "id", named_by, *map(_array, (recorded, hidden, beside))]
    calls = f"EXECUTE FUNCTION audit_row({', '.join(map(_text, arguments))})"
    of_columns = ", ".join(f'"{column}"' for column in recorded)
    wanted = {"INSERT": inserts, f"UPDATE OF {of_columns}": updates, "DELETE": deletes}
    return _triggers(table, calls, {operation: when for operation, when in wanted.items() if when})


def unwatch(watched: RunSQL) -> RunSQL:
    """Undo `watch` before dropping a recorded column, whose trigger PostgreSQL would drop silently."""
    return RunSQL(watched.reverse_sql or RunSQL.noop, watched.sql)


def watch_links(
    table: str,
    kind: str,
    key: str,
    *,
    has: str,
    other: tuple[str, str, str],
    named_by: tuple[str, str] | None = None,
) -> RunSQL:
    """Record what an object gains and loses, by name, such as a user's groups.

    Args:
        table: the join table; `kind` and `key` are the object's model and column in it.
        has: the name in the entry, ``groups``.
        other: the related object's column in `table`, its own table, and its name's column there.
        named_by: the object's own table, and its name's column there. None for users.
    """
    arguments = [kind, key, has, *other, *(named_by or ())]
    calls = f"EXECUTE FUNCTION audit_link({', '.join(map(_text, arguments))})"
    return _triggers(table, calls, {"INSERT": "true", "UPDATE": "true", "DELETE": "true"})


def _triggers(table: str, calls: str, wanted: dict[str, str]) -> RunSQL:
    names = {operation: f"audit_{operation.split()[0].lower()}" for operation in wanted}
    create = [
        f"CREATE TRIGGER {names[operation]} AFTER {operation} ON {table} FOR EACH ROW WHEN ({when}) {calls};"
        for operation, when in wanted.items()
    ]
    return RunSQL("\n".join(create), "\n".join(f"DROP TRIGGER {name} ON {table};" for name in names.values()))


def _array(columns: Sequence[str]) -> str:
    return "{" + ",".join(columns) + "}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
