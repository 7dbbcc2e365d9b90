"""The cluster's failover on real servers: what was acknowledged is there afterwards, or nobody is promoted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from dev.cluster import failover
from dev.cluster.failover import NoSafeStandby
from dev.cluster.postgres import Server, follow_each_other
from dev.demo import free_port


@pytest.fixture(scope="module")
def servers() -> Iterator[list[Server]]:
    # Outside of pytest's own folder, which only its user may enter: PostgreSQL refuses to run as root.
    with TemporaryDirectory(prefix="credits-") as folder:
        Path(folder).chmod(0o755)
        servers = [Server(name, Path(folder) / name, free_port()) for name in ("one", "two", "three")]
        try:
            follow_each_other(servers)
            servers[0].create_database("credits", "credits")
            with servers[0].connect("credits") as connection:
                connection.execute("CREATE TABLE numbers (number integer)")
            yield servers
        finally:
            for server in servers:
                server.kill()


def heal(servers: list[Server]) -> list[Server]:
    """All of them, the primary first, and the others following it."""
    primary = next(server for server in servers if server.takes_writes())
    standbys = [server for server in servers if server is not primary]
    for standby in standbys:
        if not standby.process_id():
            failover.bring_back(standby, primary, servers)
    return [primary, *standbys]


def acknowledge(primary: Server, numbers: range) -> None:
    with primary.connect("credits") as connection:
        if numbers.start == 0:
            connection.execute("TRUNCATE numbers")
        for number in numbers:
            connection.execute("INSERT INTO numbers VALUES (%s)", [number])


def numbers_of(server: Server) -> list[int]:
    with server.connect("credits") as connection:
        return [number for (number,) in connection.execute("SELECT number FROM numbers ORDER BY 1")]


def test_a_commit_waits_until_a_standby_has_it(servers: list[Server]) -> None:
    one, two, three = heal(servers)
    acknowledge(one, range(1))
    two.stop()
    acknowledge(one, range(1, 2))  # the next one takes its place
    three.stop()
    with ThreadPoolExecutor(1) as thread:
        written = thread.submit(acknowledge, one, range(2, 3))
        with pytest.raises(TimeoutError):
            written.result(1)
        three.start_as_standby()
        written.result(60)
    assert numbers_of(three) == [0, 1, 2]


def test_a_new_primary_has_what_was_acknowledged_and_the_old_one_follows_it(servers: list[Server]) -> None:
    one, _two, three = heal(servers)
    acknowledge(one, range(20))
    three.stop()  # asynchronous, and now behind
    acknowledge(one, range(20, 40))
    three.start_as_standby()
    one.kill()
    new = failover.replace(one, servers)
    assert numbers_of(new) == list(range(40))

    assert failover.bring_back(one, new, servers) == "pg_rewind"
    acknowledge(new, range(40, 45))  # waits for a standby, so it needs one that follows
    assert not one.takes_writes()
    assert numbers_of(new) == list(range(45))


def test_nobody_is_promoted_while_a_standby_may_know_more(servers: list[Server]) -> None:
    one, two, three = heal(servers)
    two.stop()
    one.kill()
    with pytest.raises(NoSafeStandby):
        failover.replace(one, servers)
    assert not three.takes_writes()
