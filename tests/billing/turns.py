"""The turn that everybody takes who learns of a payment, taken away: for controls."""

from __future__ import annotations

import pytest

from billing.purchases import payments
from billing.webhooks import receiving as inbox


def take_the_turn_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for who is learning of the same payment."""
    without = inbox.STORE.replace(
        "pg_advisory_xact_lock(hashtextextended(nullif(%s, ''), 0))", "nullif(%s, '')"
    )
    assert without != inbox.STORE
    monkeypatch.setattr(inbox, "STORE", without)
    monkeypatch.setattr(payments, "take_turns", lambda _name: None)
