"""Define why a note is refused."""

from __future__ import annotations

from core.errors import DomainError


class InvalidNote(DomainError):
    """A note without text, or with too much of it."""

    code = "invalid_note"
