"""Replace a primary that is gone: the procedure of docs/scale.md, as a script.

1. Be sure that the old primary is dead: two that take writes would each acknowledge what the other doesn't know.
2. Ask the standbys how much of the log they have received, and promote the one with most. It has every acknowledged
   commit, because each waited for one of them. While one of them doesn't answer, nobody is promoted.
3. Lead PgBouncer to it. The others follow by themselves: their connection string finds who takes writes.
4. Bring the old one back as a standby, by pg_rewind, or by a new base backup if the log no longer reaches back.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import psycopg

from dev.cluster.postgres import Server, ServerError

CHECK_EVERY_S = 0.3
FAILED_CHECKS = 3
RECEIVED = "SELECT greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0'"


class NoSafeStandby(Exception):
    """Too few standbys answer to know that the promoted one has everything. A person must decide."""


def wait_until_dead(primary: Server) -> None:
    """Return once the primary has failed several checks in a row. One lost packet replaces nobody."""
    failed = 0
    while failed < FAILED_CHECKS:
        failed = 0 if primary.takes_writes() else failed + 1
        time.sleep(CHECK_EVERY_S)


def replace(primary: Server, servers: Sequence[Server]) -> Server:
    """Fence the primary and promote the standby that has received most of its log. Returns the new primary.

    Raises:
        NoSafeStandby: nobody was promoted.
    """
    primary.kill()
    received = _received([server for server in servers if server is not primary])
    if len(received) < len(servers) - 1:
        raise NoSafeStandby("A standby doesn't answer, and what was acknowledged last may be only there.")
    best = max(received, key=lambda server: received[server])
    best.promote()
    return best


def bring_back(server: Server, primary: Server, servers: Sequence[Server]) -> str:
    """Make the former primary a standby of the new one. Returns how: ``pg_rewind`` or ``pg_basebackup``."""
    try:
        server.rejoin(primary, servers)
    except ServerError:
        server.stop()
        server.follow(primary, servers)
        return "pg_basebackup"
    return "pg_rewind"


def _received(standbys: Sequence[Server]) -> dict[Server, int]:
    found = {}
    for standby in standbys:
        try:
            found[standby] = int(standby.value(RECEIVED))
        except psycopg.OperationalError:
            continue  # it is away; the caller counts who has answered
    return found
