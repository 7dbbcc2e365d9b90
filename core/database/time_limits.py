"""Limit how long PostgreSQL lets a program wait for a lock, run a statement and keep a transaction open.

A waiting request occupies one of the web process's few threads, so it gives up within seconds and its caller retries.
Jobs have time; commands, which migrate and count for as long as needed, are only kept from waiting forever.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from core.program import WEB, WORKER

TimeLimits = Mapping[str, str]

TRANSACTION = "transaction_timeout"
OF_WEB: TimeLimits = {
    "lock_timeout": "3s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "15s",
    TRANSACTION: "60s",
}
OF_WORKER: TimeLimits = {
    "lock_timeout": "30s",
    "statement_timeout": "10min",
    "idle_in_transaction_session_timeout": "2min",  # an email is sent inside a transaction
    TRANSACTION: "15min",
}
OF_COMMANDS: TimeLimits = {
    # A concurrent index build waits on locks for older transactions: longer than any of a job's.
    "lock_timeout": "20min",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "20min",
    TRANSACTION: "0",
}
# A host that vanished silently would keep whoever asks it waiting for a quarter of an hour, and whoever waits for
# its answer for two hours. libpq's own, not PostgreSQL's: PgBouncer lets them pass.
NETWORK_LIMITS: Mapping[str, int] = {
    "connect_timeout": 5,  # seconds, for each host of the URL
    "tcp_user_timeout": 5000,  # ms until what was sent must have arrived
    "keepalives_idle": 10,  # seconds of silence until the server is asked whether it is there
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
KNOWS_TRANSACTION_TIMEOUT = 170000
LIMITED = "credits_limited"  # set on psycopg's connection, which the pool keeps


def time_limits_of(program: str) -> TimeLimits:
    return {WEB: OF_WEB, WORKER: OF_WORKER}.get(program, OF_COMMANDS)


def with_time_limits(options: Mapping[str, Any], limits: TimeLimits) -> dict[str, Any]:
    """Add the limits that every supported PostgreSQL knows to a database's OPTIONS. Values in ``options`` win."""
    said = [f"-c {name}={value}" for name, value in limits.items() if name != TRANSACTION]
    return {**options, "options": " ".join([*said, options.get("options", "")]).strip()}


def with_network_limits(options: Mapping[str, Any]) -> dict[str, Any]:
    """Add how long a server may be silent to a database's OPTIONS. Values in ``options``, which a URL gave, win."""
    return {**NETWORK_LIMITS, **options}


def limit_transactions(connection: Any, **_signal: Any) -> None:
    """Set the limit that PostgreSQL knows from 17 on, once per connection: older versions would refuse to connect."""
    limit, psycopg_connection = settings.DATABASE_TIME_LIMITS.get(TRANSACTION), connection.connection
    if not limit or getattr(psycopg_connection, LIMITED, False):
        return
    setattr(psycopg_connection, LIMITED, True)
    if psycopg_connection.info.server_version >= KNOWS_TRANSACTION_TIMEOUT:
        psycopg_connection.execute(f"SELECT set_config('{TRANSACTION}', %s, false)", [limit])
