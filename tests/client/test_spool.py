"""A spool keeps spends on the disk until their outcome is known: killed at any moment, each is charged once."""

from __future__ import annotations

from pathlib import Path

import pytest
from prepaid_credits import CreditsClient, NotSent, Outcome, SpoolDamaged, SpoolInUse
from prepaid_credits.spool import Spool

from accounts.clients.models import ApiClient
from credits.ledger.models import Account, Entry
from tests.client.books import charged
from tests.client.programs import run_program
from tests.client.relay import Relay
from tests.credits.builders import funded

HOUR = 3600.0
SPEND_AND_SAY = """
import sys, time
from prepaid_credits import CreditsClient
url, secret, account, spool, interval_s = sys.argv[1:]
batch = CreditsClient(url, api_key=secret).batch(interval_s=float(interval_s), size=7, spool=spool)
for number in range(500):
    batch.spend(account, "0.5", key=f"job {number}", metadata={"share": 0.1, "number": number})
    print(number, flush=True)
    time.sleep(0.005)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spends.jsonl"


@pytest.fixture
def rich(transactional_db: None) -> Account:
    return funded(1000)


def kill_after(lines: int, relay: Relay, secret: str, account: Account, path: Path, interval_s: float) -> int:
    """Runs the program, kills it (SIGKILL) after so many spends, and says how many it had taken."""
    with run_program(SPEND_AND_SAY, relay.url, secret, account.pk, path, interval_s) as program:
        assert program.stdout is not None
        for _ in range(lines):
            program.stdout.readline()
        program.kill()
        return lines + len(program.stdout.readlines())


def test_spends_of_a_killed_process_are_charged_by_the_next(
    client: CreditsClient, relay: Relay, secret: str, rich: Account, path: Path
) -> None:
    relay.order("refuse", times=100)
    taken = kill_after(20, relay, secret, rich, path, interval_s=HOUR)
    relay.faults.clear()
    assert not charged(rich)

    outcomes: list[Outcome] = []
    client.batch(interval_s=HOUR, spool=path, on_result=outcomes.append).close()
    assert taken <= len(charged(rich)) <= taken + 1
    assert [one.key for one in outcomes] == [f"job {number}" for number in range(len(outcomes))]
    assert Entry.objects.filter(metadata={"share": 0.1, "number": 3}).exists()
    assert path.read_bytes() == b""


def test_killed_between_the_charge_and_its_answer_charges_once(
    client: CreditsClient, relay: Relay, secret: str, rich: Account, path: Path
) -> None:
    # Every third batch of 7 is carried out and its answer lost; the process is killed again and again.
    for lines in (10, 25, 40, 60):
        relay.order("pass", "refuse", "lose the answer", times=3)
        kill_after(lines, relay, secret, rich, path, interval_s=0.01)
        relay.faults.clear()
    before = len(charged(rich))
    client.batch(spool=path).close()

    entries = Entry.objects.filter(account=rich, kind="spend")
    keys = {entry.key.partition(":")[2] for entry in entries}
    assert 0 < before <= len(entries)
    assert keys >= {f"job {number}" for number in range(60)}, "nothing that was taken is lost"
    assert len(keys) == len(entries), "nothing is charged twice"


def test_without_a_spool_a_killed_process_loses_what_waited(
    relay: Relay, secret: str, rich: Account, path: Path
) -> None:
    # The negative control: the same program, and its spool thrown away.
    kill_after(20, relay, secret, rich, path, interval_s=HOUR)
    path.unlink()

    with CreditsClient(relay.url, api_key=secret) as client:
        client.batch(spool=path).close()
    assert len(charged(rich)) < 20


def test_what_could_not_be_sent_stays_for_the_next_start(
    client: CreditsClient, account: Account, path: Path
) -> None:
    ApiClient.objects.update(is_active=False)
    batch = client.batch(interval_s=HOUR, spool=path)
    batch.spend(account.pk, "2.5", key="job 1", reference="an “odd” name\n")
    with pytest.raises(NotSent) as unsent:
        batch.close()
    assert unsent.value.in_spool

    ApiClient.objects.update(is_active=True)
    with client.batch(interval_s=HOUR, spool=path) as again:
        again.spend(account.pk, 1, key="job 2")
    entries = Entry.objects.filter(account=account, kind="spend").order_by("version")
    assert [(entry.reference, -entry.amount) for entry in entries] == [("an “odd” name\n", 2.5), ("", 1)]


def test_what_is_settled_is_not_sent_again(
    client: CreditsClient, account: Account, relay: Relay, path: Path
) -> None:
    with client.batch(interval_s=HOUR, spool=path) as batch:
        batch.spend(account.pk, 1, key="job 1")
        batch.spend(account.pk, 1000, key="too much")
    client.batch(spool=path).close()

    assert (len(relay.keys), path.read_bytes()) == (1, b"")


def test_the_clients_own_spool_is_sent_at_its_start(
    relay: Relay, secret: str, account: Account, path: Path
) -> None:
    spool = Spool(path)
    spool.append(1, b'{"account": "%s", "amount": "2.5", "key": "job 1"}' % str(account.pk).encode())
    spool.close()
    with CreditsClient(relay.url, api_key=secret, spool=path) as client:
        client.spend_later(account.pk, 1)

    assert charged(account) == [2.5, 1]


def test_two_batches_cannot_share_a_spool(client: CreditsClient, account: Account, path: Path) -> None:
    with client.batch(spool=path), pytest.raises(SpoolInUse):
        client.batch(spool=path)
    client.batch(spool=path).close()


def test_a_line_that_was_not_finished_was_promised_to_nobody(path: Path) -> None:
    spool = Spool(path)
    spool.append(1, b'{"account": "a", "amount": "1", "key": "k1"}')
    spool.append(2, b'{"account": "a", "amount": "1", "key": "k2"}')
    spool.settle([1])
    spool.close()
    with path.open("ab") as file:
        file.write(b'{"n": 3, "spend": {"acc')

    again = Spool(path)
    assert again.leftovers == [(1, {"account": "a", "amount": "1", "key": "k2"})]
    again.append(2, b'{"account": "a", "amount": "1", "key": "k4"}')
    again.close()
    assert [spend["key"] for _, spend in Spool(path).leftovers] == ["k2", "k4"]


@pytest.mark.parametrize("line", ["no json", "[]", '{"n": 1}', '{"n": 1, "spend": {"amount": "1"}}'])
def test_a_damaged_line_is_looked_at_by_somebody_first(path: Path, line: str) -> None:
    path.write_text(line + "\n")
    with pytest.raises(SpoolDamaged, match="line 1"):
        Spool(path)
    path.write_text("")
    Spool(path).close()


def test_a_long_past_is_left_behind(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prepaid_credits.spool.LONGEST_HISTORY_BYTES", 1000)
    spool = Spool(path)
    spool.append(1, b'{"account": "a", "amount": "1", "key": "stays"}')
    for number in range(2, 200):
        spool.append(number, b'{"account": "a", "amount": "1", "key": "goes"}')
        spool.settle([number])
    spool.close()

    assert path.stat().st_size < 2000
    assert [spend["key"] for _, spend in Spool(path).leftovers] == ["stays"]
