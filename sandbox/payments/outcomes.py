"""Tell how an attempt to pay, or to save a card, ended."""

from dataclasses import dataclass

from sandbox.payments.cards import Decline
from sandbox.shapes import Json


@dataclass(frozen=True)
class Outcome:
    """Tell how an attempt ended: `succeeded`, `declined`, `requires_action`, `processing` …"""

    outcome: str
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None

    @classmethod
    def declined(cls, reason: Decline) -> "Outcome":
        return cls("declined", reason.code, reason.decline_code, reason.message)

    @classmethod
    def of_error(cls, error: Json) -> "Outcome":
        """Return a failure as an intent's error describes it."""
        return cls("declined", error["code"], error.get("decline_code"), error["message"])
