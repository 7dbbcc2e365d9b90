"""Pass the actor, cause and origin of a change to the database, where its triggers record them."""

from __future__ import annotations

from typing import Any

import pghistory
from structlog.contextvars import get_contextvars

from accounts.models import User


def acting(user: User | None = None, cause: str = "") -> pghistory.context:
    """Record changes made inside as this user's, or under a ``cause``: a rule's name, such as ``provider_roles``."""
    who = {"user": str(user.pk)} if user else {}
    return pghistory.context(**who, cause=cause, **request_origin())


def request_origin() -> dict[str, Any]:
    """Return the request's id, and its address as the log has it."""
    said = get_contextvars()
    return {"request_id": said.get("request_id", ""), "address": said.get("ip") or ""}
