"""Rehearse the loss of the database: sell and spend, back up, go on, lose everything, restore, and put it right.

What docs/backups.md tells to do is done here, by its own commands, on PostgreSQL servers of its own, with the local
Stripe, which goes on after the moment to which the database is restored. A step that doesn't give what it must ends the
rehearsal.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from accounts.models import User
from dev.backups import shop
from dev.backups.page import commands
from dev.backups.shop import Spending, Stripe
from dev.cluster.postgres import Server, ServerError, give_to_postgres, program, run_script
from dev.demo import free_port

PACKAGE = "starter"
# Mary has a package, spends this much of it, and has it bought again below the threshold.
MARY_SPENDS, THRESHOLD = Decimal(200), 900


class RehearsalFailed(Exception):
    """Says which step didn't give what it must."""


def must(is_so: bool, what: str) -> None:
    """Raise RehearsalFailed, saying what wasn't so."""
    if not is_so:
        raise RehearsalFailed(what)


class Rehearsal:
    """The story, step by step; ``say`` gets a line for each."""

    def __init__(
        self, server: Server, folder: Path, stripe: Stripe, say: Callable[[str], None], filler_mb: int = 0
    ) -> None:
        self.server, self.stripe, self.say = server, stripe, say
        self.folder, self.grants = folder, folder / "lost.csv"
        self.filler_mb = filler_mb
        self.spent = 0

    def run(self) -> None:
        """Play it.

        Raises:
            RehearsalFailed: a step didn't give what it must.
        """
        ada, grace, mary = self._buyers()
        for buyer in (ada, grace):
            shop.sell(self.stripe, buyer, PACKAGE)
        refunded = shop.sell(self.stripe, ada, PACKAGE)
        shop.sell_with_top_up(self.stripe, mary, PACKAGE, THRESHOLD)
        self._spend(ada, grace)
        self._fill()
        self._back_up()

        shop.sell(self.stripe, grace, PACKAGE)
        self._spend(ada, grace)
        kept_head = self._head()
        before_head = datetime.now().astimezone()
        pending = shop.open_checkout(ada, PACKAGE)
        last = self._spend(ada, grace)
        shop.spend([Spending(shop.account_of(mary).pk, "job-mary", MARY_SPENDS)])
        balances_then, moment = shop.balances(), shop.database_time()
        self.say(f"Restore to this moment: {moment.isoformat()}")

        # The gap: what the restored database won't know.
        self.stripe.pay(pending)
        shop.return_from_checkout(ada, pending)
        lost = shop.sell(self.stripe, grace, PACKAGE)
        must(shop.work_on_top_ups() == 1, "Mary's card is charged for a top-up")
        self.stripe.refund(self._payment_of(refunded))
        gap = self._spend(ada, grace)
        gap_head = self._head()
        self._archive_everything()
        self._try_the_backup(moment)
        self._lose_everything()

        self._restore(moment)
        must(shop.balances() == balances_then, "the balances are those of the moment")
        self._suspend_top_ups()
        self._check_heads(kept_head, gap_head)
        self._reconcile(before_head, lost)
        self._grant_what_was_lost(lost)
        self._resume_top_ups()
        self._replay(last, gap)
        self._check_the_end(ada, grace)

    # --- Before -----------------------------------------------------------------------------------------------

    def _buyers(self) -> list[User]:
        return [
            User.objects.create(username=name, email=f"{name}@example.com")
            for name in ("ada", "grace", "mary")
        ]

    def _spend(self, *buyers: User) -> list[Spending]:
        orders = []
        for buyer in buyers:
            self.spent += 1
            orders.append(Spending(shop.account_of(buyer).pk, f"job-{self.spent}"))
        must(shop.spend(orders) == len(orders), "each spend is new")
        return orders

    def _fill(self) -> None:
        """Make the database as large as one wants to know of."""
        if not self.filler_mb:
            return
        self.say(f"Filling the database with {self.filler_mb:,} MB")
        with self.server.connect("credits") as connection:
            connection.execute("CREATE TABLE filler (line text)")
            for _ in range(self.filler_mb // 100):
                connection.execute(
                    "INSERT INTO filler SELECT string_agg(md5(random()::text), '') "
                    "FROM generate_series(1, 3200000) AS n GROUP BY n / 32"
                )

    def _back_up(self) -> None:
        begun = time.monotonic()
        nightly = {"/backup/": f"{self.folder}/", "postgresql://backup@db:5432/postgres": self.server.url()}
        script = commands("pg_basebackup", nightly)
        if not verifies():
            script = script.replace("pg_verifybackup", "true pg_verifybackup")
            self.say("This PostgreSQL's pg_verifybackup doesn't run, so the base backup isn't verified")
        run_script(script, {})
        size, took = _megabytes(self.folder / "base"), time.monotonic() - begun
        self.say(f"Base backup of {size:,.0f} MB in {took:.1f} s")

    def _head(self) -> str:
        status, said = shop.run("check_ledger")
        must(status == 0, f"the ledger is intact: {said}")
        return shop.head_of(said)

    def _payment_of(self, session_id: str) -> str:
        return str(self.stripe.session(session_id)["payment_intent"])

    def _archive_everything(self) -> None:
        self.server.value("SELECT pg_switch_wal()")
        waiting = "SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%%.ready'"
        while self.server.value(waiting):
            time.sleep(0.05)

    def _try_the_backup(self, moment: datetime) -> None:
        """Restore beside the running server, as the page says to try a backup."""
        scratch = Server("scratch", self.folder / "scratch", free_port())
        scratch.folder.mkdir()
        give_to_postgres(scratch.folder)
        own = {"/scratch": str(scratch.folder), "5433": str(scratch.port)}
        wanted = {"<the latest>": self._base(), "<an hour ago, with its offset>": moment.isoformat()}
        run_script(commands("/scratch/data", {**wanted, **own, "/backup/": f"{self.folder}/"}), {})
        try:
            _wait_for_the_end_of_recovery(scratch)
            with scratch.connect("credits") as connection:
                newest = connection.execute("SELECT max(created_at) FROM credits_entry").fetchone()
            must(
                newest is not None and newest[0] <= moment,
                "the scratch server has what was there at the moment",
            )
        finally:
            scratch.stop()
        self.say("Tried the backup on a scratch server: it has what was there at the moment")

    def _lose_everything(self) -> None:
        shop.forget_connections()
        self.server.kill()
        for path in self.server.data.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.say("Lost: the server was killed, and its data folder deleted")

    # --- After ------------------------------------------------------------------------------------------------

    def _restore(self, moment: datetime) -> None:
        begun = time.monotonic()
        wanted = {
            "<the last before the moment>": self._base(),
            "2026-11-29 11:32:16.726+00": moment.isoformat(),
        }
        script = commands('"$PGDATA"', {**wanted, "/backup/": f"{self.folder}/"})
        run_script(script, {"PGDATA": str(self.server.data)})
        _wait_for_the_end_of_recovery(self.server)
        took, size = time.monotonic() - begun, _megabytes(self.server.data) + _megabytes(self.folder / "wal")
        self.say(
            f"Restored in {took:.1f} s: {size:,.0f} MB of data and log, {took / size * 1024:.0f} s for each GB"
        )

    def _base(self) -> str:
        (base,) = (self.folder / "base").iterdir()
        return base.name

    def _check_heads(self, kept: str, later: str) -> None:
        status, said = shop.run("check_ledger", f"--since={kept}")
        must(status == 0, f"the history up to the kept head is there: {said}")
        self.say("check_ledger --since the kept head: the history is there, unchanged")
        status, said = shop.run("check_ledger", f"--since={later}")
        must(status == 1 and "history_is_the_same" in said, f"a head from after the moment is missed: {said}")
        self.say("check_ledger --since a head from after the moment: says that what it sealed is not there")

    def _suspend_top_ups(self) -> None:
        """Mary's balance is below her threshold again, and that she was charged is forgotten."""
        self.say(shop.run("suspend_auto_top_ups")[1].strip())
        must(shop.work_on_top_ups() == 0, "no card is charged while all automatic top-ups are suspended")

    def _resume_top_ups(self) -> None:
        self.say(shop.run("suspend_auto_top_ups", "--resume")[1].strip())
        must(shop.work_on_top_ups() == 0, "no top-up is due once the lost one is granted")
        must(len(self.stripe.charges()) == 1, "Mary's card was charged once")

    def _reconcile(self, since: datetime, lost: str) -> None:
        start = (since - timedelta(days=1)).isoformat()
        status, said = shop.run("reconcile", f"--from={start}")
        must(status == 1, f"something is left to a person: {said}")
        for kind in ("paid_not_credited", "returned_not_here"):
            must(f"repaired: {kind}" in said, f"{kind} is repaired: {said}")
        must(shop.open_issues("session_unknown") == [lost], f"the purchase that was lost is listed: {said}")
        charged = [one["id"] for one in self.stripe.charges()]
        must(shop.open_issues("payment_unknown") == charged, f"the charge that was lost is listed: {said}")
        for line in said.strip().splitlines():
            self.say(f"  {line}")

    def _grant_what_was_lost(self, lost: str) -> None:
        shop.grants_file([self.stripe.session(lost), *self.stripe.charges()], self.grants)
        status, said = shop.run("grant_credits", str(self.grants), above_limit=True)
        must(status == 0, said)
        self.say(f"grant_credits for the purchases that are lost: {said.strip().splitlines()[-1]}")

    def _replay(self, before: list[Spending], gap: list[Spending]) -> None:
        must(shop.spend(before) == 0, "a spend from before the moment is a repeat")
        must(shop.spend(gap) == len(gap), "a spend of the gap is gone, and is spent by its repeat")
        must(shop.spend(gap) == 0, "and once only")
        self.say(
            f"Services repeat their orders by key: {len(before)} were there, {len(gap)} of the gap are spent again"
        )

    def _check_the_end(self, *buyers: User) -> None:
        """Compare with what they bought, were refunded and spent, whoever forgot what."""
        package = shop.credits_of(PACKAGE)
        spent_each = Decimal("12.5") * self.spent / len(buyers)
        # Ada bought three packages and got one refunded, Grace bought three, Mary two.
        expected = {
            "ada": package * 2 - spent_each,
            "grace": package * 3 - spent_each,
            "mary": package * 2 - MARY_SPENDS,
        }
        must(shop.balances() == expected, f"{shop.balances()} should be {expected}")
        self._head()
        self.say(f"Every paid credit is there, and the ledger is intact: {expected}")


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20


def _wait_for_the_end_of_recovery(server: Server) -> None:
    while not server.takes_writes():
        must(server.process_id() is not None, f"{server.name} runs")
        time.sleep(0.05)


def verifies() -> bool:
    """Return whether pg_verifybackup runs at all: the wheel's crashes, even if only asked for its version."""
    try:
        run_script("pg_verifybackup --version", {})
    except ServerError:
        return False
    return True


def copy_database(url: str, server: Server, database: str) -> None:
    """Copy a database's tables and rows: faster than migrating an empty one."""
    dump = [program("pg_dump"), "--no-owner", "--no-privileges", "--format=plain", url]
    load = [program("psql"), "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
    with subprocess.Popen(dump, stdout=subprocess.PIPE) as dumping:
        subprocess.run([*load, server.url(database, "credits")], stdin=dumping.stdout, check=True)
    must(dumping.returncode == 0, "the database is copied")
