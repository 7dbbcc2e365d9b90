"""The one base of every error that this project raises on purpose."""

from __future__ import annotations

from typing import Any, ClassVar


class DomainError(Exception):
    """A rule was broken. Carries a stable code, an HTTP status, and what it is about.

    ``code`` is part of the API's contract and never changes; ``status`` is what an HTTP edge answers with;
    ``params`` name the objects concerned (which package, which amount), never secrets.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400

    def __init__(self, message: str, **params: Any) -> None:
        super().__init__(message)
        self.message = message
        self.params = params

    @property
    def headers(self) -> dict[str, str]:
        """Headers of HTTP that belong to this answer."""
        return {}
