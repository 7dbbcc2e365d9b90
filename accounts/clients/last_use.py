"""Record when a client and its key were last used, to the minute, so that staff can find unused keys."""

from __future__ import annotations

from uuid import UUID

import structlog
from django.db import DatabaseError, connection, transaction

logger = structlog.get_logger(__name__)

# A row that is locked is skipped: another request is writing the same minute.
_RECORD_CLIENT = """UPDATE clients_apiclient SET last_used_at = statement_timestamp() WHERE id = (
    SELECT id FROM clients_apiclient WHERE id = %s
    AND coalesce(last_used_at < statement_timestamp() - interval '1 minute', true)
    FOR NO KEY UPDATE SKIP LOCKED)"""
_RECORD_KEY = _RECORD_CLIENT.replace("clients_apiclient", "clients_apikey")


def record_use(client_id: UUID, key_id: int | None = None) -> None:
    """Record this use. A failure is only logged: the request doesn't depend on it."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_RECORD_CLIENT, [client_id])
            if key_id is not None:
                cursor.execute(_RECORD_KEY, [key_id])
    except DatabaseError as error:
        logger.warning("last_use_not_recorded", client=str(client_id), error=type(error).__name__)
