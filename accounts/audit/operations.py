"""What a migration says to have a table watched. By hand, and not by pgtrigger, whose triggers a script can tell to be
ignored.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.migrations import RunSQL

# What the site does at its daily work stands elsewhere, such as in a purchase's events.
BY_HAND = "audit_is_by_hand()"


def watch(
    table: str,
    kind: str,
    columns: Sequence[str],
    *,
    named_by: str = "",
    hidden: Sequence[str] = (),
    beside: Sequence[str] = (),
    key: str = "id",
    inserts: str | None = "true",
    updates: str | None = "true",
    deletes: str | None = "true",
) -> RunSQL:
    """Puts every change of these columns on record, of whoever makes it.

    Args:
        table: the watched one; `kind` is its model as entries name it, ``packages.package``.
        named_by: the column that people know a row by. No person's name.
        hidden: of these only the fact that they changed is kept: secrets, and what is said of a person.
        beside: columns to keep with each entry although they didn't change, such as an amount's currency.
        inserts, updates, deletes: the SQL condition under which each is recorded. None: never.
    """
    recorded = [*columns, *hidden]
    arguments = [kind, key, named_by, *map(_array, (recorded, hidden, beside))]
    calls = f"EXECUTE FUNCTION audit_row({', '.join(map(_text, arguments))})"
    of_columns = ", ".join(f'"{column}"' for column in recorded)
    wanted = {"INSERT": inserts, f"UPDATE OF {of_columns}": updates, "DELETE": deletes}
    return _triggers(table, calls, {operation: when for operation, when in wanted.items() if when})


def unwatch(watched: RunSQL) -> RunSQL:
    """Ends what `watch` began: before a column that it records goes. Dropped with a column still in it, a trigger would
    go without a word, and nothing of the table would be on record any more.
    """
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
    """Puts on record what an object is given and loses, by its name: a user's groups.

    Args:
        table: the one between the two; `kind` and `key` are the object's model and column in it.
        has: what the entry calls it, ``groups``.
        other: the column of what it is given, its table, and the column of its name there.
        named_by: the object's own table, and the column of its name there. None for people.
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
