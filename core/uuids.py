"""Read text from outside as one of our ids."""

from __future__ import annotations

from uuid import UUID


def as_uuid(text: str) -> UUID | None:
    """Return ``text`` as a UUID; None if it is anything else."""
    try:
        return UUID(text)
    except ValueError:
        return None
