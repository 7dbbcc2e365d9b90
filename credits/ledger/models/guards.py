"""Triggers of the ledger that compare rows with each other.

The ledger's functions write account and lots first and the entry or the hold last. The trigger on that last row looks
at everything at once, so the functions switch the triggers of the first rows off for themselves (the setting
``credits.writer``, local to the transaction and reset before they return). Whoever goes around the ledger meets all of
them, at commit.
"""

from __future__ import annotations

import pgtrigger

# What the ledger's functions say while they write: "ledger", or "batch" where one statement writes many entries.
OUTSIDERS = pgtrigger.Condition("current_setting('credits.writer', true) IS DISTINCT FROM 'ledger'")
OUTSIDERS_WITHOUT_BATCH = pgtrigger.Condition(
    "coalesce(current_setting('credits.writer', true), '') NOT IN ('ledger', 'batch')"
)


def at_commit(
    name: str, operation: pgtrigger.Operation, func: str, condition: pgtrigger.Condition | None = None
) -> pgtrigger.Trigger:
    """A row trigger that fires at commit, when all rows of an operation are written."""
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Row,
        when=pgtrigger.After,
        operation=operation,
        timing=pgtrigger.Deferred,
        condition=condition,
        func=f"{func} RETURN NULL;",
    )
