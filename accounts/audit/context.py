"""Who does it, and from where: said to the database with each statement, for its triggers to write down."""

from __future__ import annotations

from typing import Any

import pghistory
from structlog.contextvars import get_contextvars

from accounts.models import User


def acting(user: User | None = None, cause: str = "") -> pghistory.context:
    """What is changed inside is on record as this person's, or as done for this ``cause``: the name of a rule, such as
    ``provider_roles``. With the request's id and address, where there is one.
    """
    who = {"user": str(user.pk)} if user else {}
    return pghistory.context(**who, cause=cause, **request_origin())


def request_origin() -> dict[str, Any]:
    """The request's id, and its address as the log has it."""
    said = get_contextvars()
    return {"request_id": said.get("request_id", ""), "address": said.get("ip") or ""}
