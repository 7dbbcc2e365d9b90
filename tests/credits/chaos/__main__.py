"""Loads one database: `python -m tests.credits.chaos <folder> <options>`. DATABASE_URL says which.

It opens accounts, lets the workers work, kills one again and again, and prints what the audit finds, as JSON. Django is
loaded once; each worker is forked from here, a process of its own with a connection of its own.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random

import django

HOT, COLD = 3, 60
WORKERS = 16


def main() -> None:
    django.setup()
    folder, options = Path(sys.argv[1]), json.loads(sys.argv[2])
    _wait(_forked(lambda: _open_accounts(folder)))
    lives = _let_them_work(folder, options)
    while not (folder / "quiet").exists():  # the last crash may take longer than the work
        time.sleep(0.02)
    _wait(_forked(lambda: _report(folder, lives)))


def _open_accounts(folder: Path) -> None:
    from credits.ledger import operations as ledger
    from credits.ledger.models import Account, Entry
    from tests.credits.chaos.journal import Journal

    accounts = [str(Account.objects.create().pk) for _ in range(HOT + COLD)]
    (folder / "accounts.json").write_text(json.dumps(accounts))
    journal = Journal(folder / "first.journal")
    for number, account in enumerate(accounts):
        amount = "500" if number < HOT else "40"
        operation = {"do": "grant", "account": account, "amount": amount, "key": "first"}
        journal.intend(operation)
        granted = ledger.grant(account, Decimal(amount), kind=Entry.Kind.PURCHASE, key="first")  # type: ignore[arg-type]
        journal.answered({"entry": granted.entry_id})


def _let_them_work(folder: Path, options: dict[str, object]) -> int:
    """How many lives the workers had."""
    from tests.credits.chaos.worker import Load, work

    ends_at = time.monotonic() + float(str(options["seconds"]))
    accounts = json.loads((folder / "accounts.json").read_text())
    load = Load(folder, accounts, HOT, ends_at, only=options["only"])  # type: ignore[arg-type]
    random = Random(0)  # noqa: S311 - no secret
    lives = 0

    def start(name: str) -> int:
        nonlocal lives
        lives += 1
        life = lives
        return _forked(lambda: work(name, life, load))

    names = [f"w{number}" for number in range(WORKERS)]
    running = {name: start(name) for name in names}
    (folder / "working").touch()
    while options["kill"] and time.monotonic() < ends_at:
        time.sleep(random.uniform(0.05, 0.3))
        victim = random.choice(names)
        os.kill(running[victim], signal.SIGKILL)
        os.waitpid(running[victim], 0)
        running[victim] = start(victim)
    for process in running.values():
        _wait(process)
    return lives


def _report(folder: Path, lives: int) -> None:
    from tests.credits.chaos.audit import audit, counted

    print(json.dumps({"findings": audit(folder), "counts": {**counted(folder), "lives": lives}}))  # noqa: T201


def _forked(function: Callable[[], object]) -> int:
    """Calls it in a process of its own: this one stays free of connections, which don't survive a fork."""
    process = os.fork()
    if process:
        return process
    try:
        function()
        sys.stdout.flush()
        os._exit(0)
    except BaseException:  # noqa: BLE001 - whatever it is, the process ends here
        traceback.print_exc()
    finally:
        os._exit(1)


def _wait(process: int) -> None:
    _pid, status = os.waitpid(process, 0)
    if status:
        raise RuntimeError(f"A process ended with {os.waitstatus_to_exitcode(status)}.")


if __name__ == "__main__":
    main()
