"""Define triggers of the ledger that compare rows with each other.

The ledger's functions write account and lots first and the entry or the hold last. The trigger on that last row checks
everything together, so the functions switch off the triggers of the first rows (the setting ``credits.writer``, local
to the transaction and reset before they return). Writers that bypass the ledger meet all of them, at commit.
"""

from __future__ import annotations

import pgtrigger

# Set by the ledger's functions while they write: "ledger", or "batch" if one statement writes many entries.
OUTSIDERS = pgtrigger.Condition("current_setting('credits.writer', true) IS DISTINCT FROM 'ledger'")
OUTSIDERS_WITHOUT_BATCH = pgtrigger.Condition(
    "coalesce(current_setting('credits.writer', true), '') NOT IN ('ledger', 'batch')"
)


def at_commit(
    name: str, operation: pgtrigger.Operation, func: str, condition: pgtrigger.Condition | None = None
) -> pgtrigger.Trigger:
    """Return a row trigger that fires at commit, when all rows of an operation are written."""
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Row,
        when=pgtrigger.After,
        operation=operation,
        timing=pgtrigger.Deferred,
        condition=condition,
        func=f"{func} RETURN NULL;",
    )
