"""When a client and its key were last used, to the minute: for staff, who look for keys that nobody needs."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction

from accounts.clients.lookup import USE_INTERVAL

logger = structlog.get_logger(__name__)

# Who finds the row taken leaves it: somebody else is just writing the same minute.
_RECORD = f"""UPDATE {{table}} SET last_used_at = statement_timestamp() WHERE id = (
    SELECT id FROM {{table}} WHERE id = %s
    AND coalesce(last_used_at < statement_timestamp() - {USE_INTERVAL}, true) FOR NO KEY UPDATE SKIP LOCKED)"""  # noqa: S608  # constants
_RECORD_CLIENT = _RECORD.format(table="clients_apiclient")
_RECORD_KEY = _RECORD.format(table="clients_apikey")


def record_use(client_id: UUID, key_id: int | None = None) -> None:
    """Writes the time of this use. Where it can't be written the request goes on: it is no part of the answer."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_RECORD_CLIENT, [client_id])
            if key_id is not None:
                cursor.execute(_RECORD_KEY, [key_id])
    except DatabaseError as error:
        logger.warning("last_use_not_recorded", client=str(client_id), error=type(error).__name__)
