"""Read the distinct values of a column from its index."""

from __future__ import annotations

from django.db import models

from core.database.replica.routing import reading_connection

# One index lookup per value: DISTINCT would read every row.
SEEN = """
WITH RECURSIVE seen (value) AS (
    (SELECT {column} FROM {table} ORDER BY {column} LIMIT 1)
    UNION ALL
    SELECT (SELECT {column} FROM {table} WHERE {column} > seen.value ORDER BY {column} LIMIT 1)
    FROM seen WHERE seen.value IS NOT NULL
)
SELECT value FROM seen WHERE value IS NOT NULL
"""


def distinct_values(model: type[models.Model], column: str) -> list[str]:
    """Return the values in order, whatever the number of rows. The column holds text and starts an index."""
    connection = reading_connection()
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(SEEN.format(table=quote(model._meta.db_table), column=quote(column)))
        return [value for (value,) in cursor.fetchall()]
