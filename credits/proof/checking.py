"""Prove the ledger's invariants over the whole database.

The database refuses each violation when it is written; this reads everything again, as an auditor would, because a
restored backup, a disabled trigger or a manual repair can get past a guard. Each invariant is one query that yields
its violations, so an empty result is the proof.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain

from django.apps import apps
from django.db.models import Model

from core.database.replica.routing import reading_connection
from credits.ledger.functions import altered_functions
from credits.proof.clawback_invariants import OF_CLAWBACKS
from credits.proof.invariants import OF_BOOKS


@dataclass(frozen=True)
class Violation:
    """One broken invariant: its name, the row it is about, and what is wrong."""

    invariant: str
    subject: str
    detail: str


# By name; each query selects (subject, detail).
INVARIANTS: dict[str, str] = {**OF_BOOKS, **OF_CLAWBACKS}

# The apps whose guards must be armed.
GUARDED = ["credits"]


def register(labels: Iterable[str], invariants: Mapping[str, str]) -> None:
    """Add what must hold of other apps' tables, and that their guards are armed."""
    INVARIANTS.update(invariants)
    GUARDED.extend(label for label in labels if label not in GUARDED)


# Checks that call a database function; Django's models can't declare them, so a migration does.
CHECKS_OF_MIGRATIONS = [
    ("credits_entry", "credits_entry_continues_its_account"),
    ("credits_hold", "credits_hold_equals_pinned"),
]

# What pgtrigger's SQL for a trigger says of each function: its name, its body.
TRIGGER_FUNCTION = re.compile(r"CREATE OR REPLACE FUNCTION\s+(\S+?)\(.*?\$\$(.*?)\$\$", re.DOTALL)


def find_violations() -> Iterator[Violation]:
    """Yield every violation, including guards that are missing or switched off."""
    for invariant, query in INVARIANTS.items():
        yield from _violations_of(invariant, query)
    yield from _disarmed_guards()
    for function, difference in [*altered_functions(), *_altered_trigger_functions()]:
        yield Violation("guards_are_armed", f"function {function}", f"it {difference}")


def _violations_of(invariant: str, query: str) -> Iterator[Violation]:
    with reading_connection().cursor() as cursor:
        cursor.execute(query)
        for subject, detail in cursor:
            yield Violation(invariant, subject, detail)


def _disarmed_guards() -> Iterator[Violation]:
    """Yield constraints and triggers that we declare and the database lacks or has switched off."""
    armed = _armed_guards()
    for table, guard in [*_guards_of_models(), *CHECKS_OF_MIGRATIONS]:
        if (table, guard) not in armed:
            yield Violation("guards_are_armed", f"table {table}", f"{guard} is missing or switched off")


def _altered_trigger_functions() -> Iterator[tuple[str, str]]:
    """Yield functions of declared triggers whose body isn't what pgtrigger would write."""
    declared = _trigger_functions()
    with reading_connection().cursor() as cursor:
        cursor.execute(
            "SELECT proname, prosrc FROM pg_proc WHERE proname = ANY (%s) AND pg_function_is_visible(oid)",
            [list(declared)],
        )
        for name, body in cursor:
            if body != declared[name]:
                yield name, "is not what its model says"


@cache
def _trigger_functions() -> dict[str, str]:
    return {
        name.removeprefix('"public".'): body
        for model in _guarded_models()
        for trigger in getattr(model._meta, "triggers", [])
        for name, body in TRIGGER_FUNCTION.findall(str(trigger.compile(model).install_sql))
    }


def _guarded_models() -> Iterator[type[Model]]:
    return chain.from_iterable(apps.get_app_config(app).get_models() for app in GUARDED)


def _guards_of_models() -> Iterator[tuple[str, str]]:
    for model in _guarded_models():
        for constraint in model._meta.constraints:
            yield model._meta.db_table, constraint.name
        for trigger in getattr(model._meta, "triggers", []):
            yield model._meta.db_table, trigger.get_pgid(model)


def _armed_guards() -> set[tuple[str, str]]:
    with reading_connection().cursor() as cursor:
        cursor.execute("""
            SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
                WHERE t.tgenabled IN ('O', 'A') AND NOT t.tgisinternal
            UNION
            SELECT c.relname, k.conname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
                -- Not 't': a deferred trigger has a row here too, which stays when the trigger is switched off.
                WHERE k.convalidated AND k.contype <> 't'
            UNION
            -- A unique constraint with a condition is an index and no constraint.
            SELECT c.relname, i.relname FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid
                JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indisunique AND x.indisvalid
        """)
        return set(cursor.fetchall())
