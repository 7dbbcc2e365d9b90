"""Count what the ledger's operations come to, and the grants that fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import Error
from prometheus_client import Counter

from core.database.statements import Row
from core.errors import DomainError

OPERATIONS = Counter(
    "credits_ledger_operations_total",
    "Operations that the ledger answered, by outcome: done, repeated, or why it refused.",
    ["operation", "outcome"],
)
ALLOCATION_ERRORS = Counter(
    "credits_allocation_errors_total",
    "Credits that could not be added because of an error, by operation and cause (database or other).",
    ["operation", "cause"],
)
DATABASE, OTHER = "database", "other"
NAMES = ("grant", "spend", "hold", "capture", "release", "transfer")

# Shown at 0, so that a first one is a rise.
for _operation in NAMES:
    for _outcome in ("done", "repeated"):
        OPERATIONS.labels(_operation, _outcome)
for _outcome in ("insufficient", "conflict"):
    OPERATIONS.labels("spend", _outcome)
for _operation in ("grant", "fulfilment"):
    for _cause in (DATABASE, OTHER):
        ALLOCATION_ERRORS.labels(_operation, _cause)


def counted(operation: str, rows: Sequence[Row]) -> Sequence[Row]:
    """Count each row's outcome, its first column, and return the rows."""
    for row in rows:
        OPERATIONS.labels(operation, row[0]).inc()
    return rows


@contextmanager
def counting_errors(operation: str, *, refusals: bool = False) -> Iterator[None]:
    """Count an exception as an allocation error, and let it pass. A refusal is one only with ``refusals``: a grant may
    be refused for what its caller asked, a paid purchase may not.
    """
    try:
        yield
    except Exception as error:
        if refusals or not isinstance(error, DomainError):
            ALLOCATION_ERRORS.labels(operation, DATABASE if isinstance(error, Error) else OTHER).inc()
        raise
