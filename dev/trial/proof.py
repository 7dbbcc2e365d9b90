"""Compare what was acknowledged with what the database holds, and ask the project's own proofs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import psycopg

from dev.cluster import site
from dev.cluster.postgres import Server
from dev.cluster.whole import Cluster, ClusterError
from dev.trial.load import CAPTURED
from dev.trial.log import Log

# How much of the planned load must have succeeded: with less, a trial shows little. A very busy machine managed 0.7.
LEAST_SHARE = 0.3
SPENDS = "SELECT account_id::text, key, -amount FROM credits_entry WHERE kind = 'spend' AND key LIKE '%:_-%'"
HOLDS = "SELECT account_id::text, key, id::text, captured, status FROM credits_hold"
PURCHASES = """
SELECT p.id::text, p.status, p.credits, coalesce(sum(e.amount), 0), count(e.id)
FROM purchases_purchase p LEFT JOIN credits_entry e ON e.account_id = p.account_id AND e.key = %s || p.id
GROUP BY 1, 2, 3
"""
CONFIRMED = """
SELECT p.id::text, count(r.id),
    (SELECT count(*) FROM procrastinate_jobs j WHERE j.task_name = 'billing.send_confirmation'
     AND j.status = 'succeeded' AND j.args ->> 'purchase_id' = p.id::text)
FROM purchases_purchase p LEFT JOIN receipts_receipt r ON r.purchase_id = p.id AND r.refund_id IS NULL
WHERE p.status = 'completed' GROUP BY p.id
"""
# A periodic job, which alone is given its time, isn't retried: the next one does its work.
JOBS = """
SELECT task_name, status::text, count(*) FROM procrastinate_jobs
WHERE status <> 'succeeded' AND NOT args ? 'timestamp' GROUP BY 1, 2
"""
DONE = {"applied", "stored"}


@dataclass
class Findings:
    """What was wrong, one line each, and what was counted."""

    wrong: list[str] = field(default_factory=list)
    counted: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Delivery:
    """A webhook as Stripe sees it: ``delivered`` once a 2xx has come, ``pending``, or ``failed`` when it gave up."""

    event: str
    type: str
    state: str


def prove(cluster: Cluster, log: Log, deliveries: Sequence[Delivery]) -> Findings:
    """Look for what was acknowledged and is missing, or is there twice, or was never asked for."""
    found = Findings(wrong=list(log.oddities))
    with psycopg.connect(cluster.primary.url(site.DATABASE)) as connection:
        compare(connection, log, deliveries, found)
    _compare_servers(cluster, found)
    for command, line in (("check_ledger", 0), ("reconcile", -1)):
        try:
            found.counted[command] = cluster.manage(command).strip().splitlines()[line]
        except ClusterError as error:
            found.wrong.append(str(error))
    return found


def check_load(log: Log, planned: Mapping[str, float], seconds: float, found: Findings) -> None:
    """Note each kind of load of which too little succeeded, as ``planned`` by the second, to prove anything."""
    done = log.count_successes()
    for kind, a_second in planned.items():
        least = max(1, int(LEAST_SHARE * a_second * seconds))
        if done[kind] < least:
            found.wrong.append(
                f"{kind}: {done[kind]} succeeded in {seconds:.0f} s, and {least} should have at least"
            )


def compare(
    connection: psycopg.Connection[Any], log: Log, deliveries: Sequence[Delivery], found: Findings
) -> None:
    """Compare the database with what it has acknowledged to callers and to Stripe."""
    _compare_spends(connection, log, found)
    _compare_holds(connection, log, found)
    _compare_purchases(connection, log, found)
    _compare_webhooks(connection, deliveries, found)
    _look_at_jobs(connection, log, found)


def is_settled(connection: psycopg.Connection[Any]) -> bool:
    """Return whether every job is done that a request or an event has asked for, and every event applied."""
    waiting = {status for _task, status, _count in connection.execute(JOBS)} & {"todo", "doing"}
    return not waiting and _statuses(connection).keys() <= DONE


def _compare_spends(connection: psycopg.Connection[Any], log: Log, found: Findings) -> None:
    booked: dict[tuple[str, str], list[Decimal]] = {}
    for account, key, amount in connection.execute(SPENDS):
        booked.setdefault((account, _key(key)), []).append(amount)
    for spend, amount in log.spends.items():
        if booked.get(spend) != [Decimal(amount)]:
            found.wrong.append(f"spend {spend} of {amount} was acknowledged, and booked: {booked.get(spend)}")
    for spend in booked.keys() - log.spends.keys():
        found.wrong.append(f"spend {spend} was booked, and never acknowledged")
    found.counted["spends acknowledged"] = len(log.spends)


def _compare_holds(connection: psycopg.Connection[Any], log: Log, found: Findings) -> None:
    made: dict[tuple[str, str], list[tuple[str, Decimal, str]]] = {}
    for account, key, *hold in connection.execute(HOLDS):
        made.setdefault((account, _key(key)), []).append(tuple(hold))
    for place, number in log.holds.items():
        is_captured = place in log.spends
        wanted = (number, Decimal(CAPTURED if is_captured else 0), "captured" if is_captured else "open")
        if made.get(place) != [wanted]:
            found.wrong.append(f"hold {place} was acknowledged as {wanted}, and made: {made.get(place)}")
    for place in made.keys() - log.holds.keys():
        found.wrong.append(f"hold {place} was made, and never acknowledged")
    found.counted["holds acknowledged"] = len(log.holds)


def _key(stored: str) -> str:
    """Return the caller's key: the stored one begins with whose it is."""
    return stored.rpartition(":")[2]


def _compare_purchases(connection: psycopg.Connection[Any], log: Log, found: Findings) -> None:
    known = {row[0]: row[1:] for row in connection.execute(PURCHASES, ["purchase:"])}
    for purchase in log.purchases:
        status, credits, booked, entries = known.get(purchase, ("missing", 0, 0, 0))
        if status != "completed" or booked != credits or entries != 1:
            found.wrong.append(
                f"purchase {purchase} was paid, and is {status}: {entries} entries, {booked} credits"
            )
    for purchase in known.keys() - log.purchases.keys():
        if known[purchase][3]:
            found.wrong.append(f"purchase {purchase} was credited, and never paid")
    found.counted["purchases paid"] = len(log.purchases)


def _compare_webhooks(
    connection: psycopg.Connection[Any], deliveries: Sequence[Delivery], found: Findings
) -> None:
    kept = {event for (event,) in connection.execute("SELECT id FROM inbox_inboxevent")}
    for delivery in deliveries:
        if delivery.state != "delivered":
            found.wrong.append(f"webhook {delivery.event} ({delivery.type}) is {delivery.state} at Stripe")
        elif delivery.event not in kept:
            found.wrong.append(
                f"webhook {delivery.event} ({delivery.type}) was answered 2xx, and isn't in the inbox"
            )
    for status, count in _statuses(connection).items():
        if status not in DONE:
            found.wrong.append(f"{count} webhooks are {status}")
    late = connection.execute(
        "SELECT coalesce(max(extract(epoch FROM received_at - stripe_created)), 0) FROM inbox_inboxevent"
    ).fetchone()
    found.counted["webhooks answered 2xx"] = sum(delivery.state == "delivered" for delivery in deliveries)
    found.counted["the latest webhook, in seconds after its event"] = round(float(late[0]), 1) if late else 0


def _statuses(connection: psycopg.Connection[Any]) -> dict[str, int]:
    return dict(connection.execute("SELECT status, count(*) FROM inbox_inboxevent GROUP BY 1").fetchall())


def _look_at_jobs(connection: psycopg.Connection[Any], log: Log, found: Findings) -> None:
    confirmed = {purchase: (receipts, jobs) for purchase, receipts, jobs in connection.execute(CONFIRMED)}
    for purchase in log.purchases:
        receipts, jobs = confirmed.get(purchase, (0, 0))
        if receipts != 1 or not jobs:
            found.wrong.append(
                f"purchase {purchase} has {receipts} receipts, and {jobs} confirmations that succeeded"
            )
    for task, status, count in connection.execute(JOBS):
        found.wrong.append(f"{count} jobs of {task} are {status}")


def _compare_servers(cluster: Cluster, found: Findings) -> None:
    """The standbys have what the primary has, once they have replayed its log."""
    position = cluster.primary.value("SELECT pg_current_wal_lsn()")
    sums: dict[str, object] = {}
    for server in cluster.servers:
        try:
            sums[server.name] = _sum(server, position)
        except psycopg.OperationalError as error:
            found.wrong.append(f"{server.name} doesn't answer: {error}")
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
