"""Pass the actor, cause and origin of a change to the database, where its triggers record them.

Each statement that may change rows takes the context along, for its transaction and in the same round trip. So nothing
is left on a connection that a pool gives to somebody else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from django.db import connection, transaction
from structlog.contextvars import get_contextvars

from accounts.models import User

_SET = "SELECT set_config('audit.context', {}, true)"  # what `audit_context` reads in the database
_CHANGES_ROWS = re.compile(r"\s*((INSERT|UPDATE|DELETE|MERGE|WITH)\b|SAVEPOINT \w+;)", re.IGNORECASE)
_context: ContextVar[dict[str, str]] = ContextVar("audit_context")


@contextmanager
def acting(user: User | None = None, cause: str = "", page: str = "") -> Iterator[None]:
    """Record changes made inside as this user's, or under a ``cause``: a rule's name, such as ``provider_roles``.

    An inner block's cause replaces the outer one's until it ends; a user and a page stay those of the outer block
    unless it names its own. The request's id and address are those of the log.
    """
    said = get_contextvars()
    known = {"user": str(user.pk) if user else "", "url": page}
    known |= {"request_id": said.get("request_id", ""), "address": said.get("ip") or ""}
    named = {name: value for name, value in known.items() if value}
    token = _context.set({**_context.get({}), **named, "cause": cause})
    is_inner = _with_context in connection.execute_wrappers
    try:
        with nullcontext() if is_inner else connection.execute_wrapper(_with_context):
            yield
    finally:
        _context.reset(token)


def _with_context(
    execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    if not _CHANGES_ROWS.match(sql):
        return execute(sql, params, many, context)
    told = json.dumps(_context.get())
    if many:  # psycopg sends these one by one
        with transaction.atomic(savepoint=False):
            context["cursor"].execute(_SET.format("%s"), [told])
            return execute(sql, params, many, context)
    if params is None:
        sql = sql.replace("%", "%%")
    named = isinstance(params, dict)
    both = {**params, "audit_context": told} if named else [told, *(params or ())]
    result = execute(f"{_SET.format('%(audit_context)s' if named else '%s')}; {sql}", both, many, context)
    while result is not None and result.nextset():
        pass  # to the statement's own rows
    return result
