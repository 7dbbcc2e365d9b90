"""Compare what was acknowledged with what the database holds, and ask the project's own proofs."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg

from dev.cluster import site
from dev.cluster.postgres import Server
from dev.cluster.whole import Cluster, ClusterError
from dev.trial.log import Log

SPENDS = "SELECT account_id::text, key, -amount FROM credits_entry WHERE kind = 'spend' AND key LIKE '%:_-%'"
PURCHASES = """
SELECT p.id::text, p.status, p.credits, coalesce(sum(e.amount), 0), count(e.id)
FROM purchases_purchase p LEFT JOIN credits_entry e ON e.account_id = p.account_id AND e.key = %s || p.id
GROUP BY 1, 2, 3
"""


@dataclass
class Findings:
    """What was wrong, one line each, and what was counted."""

    wrong: list[str] = field(default_factory=list)
    counted: dict[str, Any] = field(default_factory=dict)


def prove(cluster: Cluster, log: Log) -> Findings:
    """Look for what was acknowledged and is missing, or is there twice, or was never asked for."""
    found = Findings(wrong=list(log.oddities))
    with psycopg.connect(cluster.primary.url(site.DATABASE)) as connection:
        _compare_spends(connection, log, found)
        _compare_purchases(connection, log, found)
        _look_at_inbox(connection, found)
    _compare_servers(cluster, found)
    for command, line in (("check_ledger", 0), ("reconcile", -1)):
        try:
            found.counted[command] = cluster.manage(command).strip().splitlines()[line]
        except ClusterError as error:
            found.wrong.append(str(error))
    return found


def _compare_spends(connection: psycopg.Connection[Any], log: Log, found: Findings) -> None:
    booked: dict[tuple[str, str], list[Decimal]] = {}
    for account, key, amount in connection.execute(SPENDS):
        booked.setdefault((account, key.rpartition(":")[2]), []).append(amount)
    for spend, amount in log.spends.items():
        if booked.get(spend) != [Decimal(amount)]:
            found.wrong.append(f"spend {spend} of {amount} was acknowledged, and booked: {booked.get(spend)}")
    for spend in booked.keys() - log.spends.keys():
        found.wrong.append(f"spend {spend} was booked, and never acknowledged")
    found.counted["spends acknowledged"] = len(log.spends)


def _compare_purchases(connection: psycopg.Connection[Any], log: Log, found: Findings) -> None:
    known = {row[0]: row[1:] for row in connection.execute(PURCHASES, ["purchase:"])}
    for purchase in log.purchases:
        status, credits, booked, entries = known.get(purchase, ("missing", 0, 0, 0))
        if status != "completed" or booked != credits or entries != 1:
            found.wrong.append(
                f"purchase {purchase} was paid, and is {status}: {entries} entries, {booked} credits"
            )
    found.counted["purchases paid"] = len(log.purchases)


def _look_at_inbox(connection: psycopg.Connection[Any], found: Findings) -> None:
    rows = dict(connection.execute("SELECT status, count(*) FROM inbox_inboxevent GROUP BY 1").fetchall())
    found.counted["webhooks"] = sum(rows.values())
    late = connection.execute(
        "SELECT coalesce(max(extract(epoch FROM received_at - stripe_created)), 0) FROM inbox_inboxevent"
    ).fetchone()
    found.counted["the latest webhook, in seconds after its event"] = round(float(late[0]), 1) if late else 0
    for status in rows.keys() & {"received", "failed", "unreadable", "unmatched"}:
        found.wrong.append(f"{rows[status]} webhooks are {status}")


def _compare_servers(cluster: Cluster, found: Findings) -> None:
    """The standbys have what the primary has, once they have replayed its log."""
    position = cluster.primary.value("SELECT pg_current_wal_lsn()")
    sums = {server.name: _sum(server, position) for server in cluster.servers}
    if len(set(sums.values())) != 1:
        found.wrong.append(f"The servers differ: {sums}")


def _sum(server: Server, position: str) -> tuple[int, Decimal]:
    with psycopg.connect(server.url(site.DATABASE), autocommit=True) as connection:
        for _ in range(600):
            row = connection.execute(
                "SELECT NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= %s::pg_lsn, pg_sleep(0.05)",
                [position],
            ).fetchone()
            if row and row[0]:
                break
        counted = connection.execute("SELECT count(*), sum(amount) FROM credits_entry").fetchone()
    assert counted is not None  # noqa: S101
    return counted
