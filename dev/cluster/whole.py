"""Start the whole cluster, replace its primary, and upgrade it without a pause."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock, Thread

from dev.cluster import failover, haproxy, pgbouncer, site
from dev.cluster.haproxy import HAProxy
from dev.cluster.keeper import Keeper, Program
from dev.cluster.pgbouncer import PgBouncer
from dev.cluster.postgres import Server, follow_each_other
from dev.database import LOCAL
from dev.demo import free_port, wait_until_answers_at

FOLDER = LOCAL / "cluster"
ROOT = Path(__file__).resolve().parent.parent.parent
SERVERS = ("postgres-1", "postgres-2", "postgres-3")
WEB = ("web-1", "web-2", "web-3")
WORKERS = ("worker-1", "worker-2")
PATIENCE_S = 90
STEPS = 9


class ClusterError(Exception):
    """Says in one line why the cluster can't run, and what to do."""


class Cluster:
    """Three PostgreSQL servers, PgBouncer, Redis, three web servers, two workers, HAProxy and the sandbox.

    Messages for people go to ``say``, steps to ``progress`` with their number.
    """

    def __init__(self, port: int, say: Callable[[str], None], progress: Callable[[int, str], None]) -> None:
        self.port = port
        self.url = f"http://localhost:{port}"
        self.say = say
        self._progress = progress
        self._step = 0
        self.folder = FOLDER
        self.servers = [Server(name, FOLDER / name, free_port()) for name in SERVERS]
        self.primary = self.servers[0]
        self.release = ROOT
        self.promotions: list[
            tuple[float, float]
        ] = []  # from when the primary died to the new one's first second
        self._over = Event()
        self._turn = Lock()  # a restart of the web servers and a promotion don't mix
        self._watch = Thread(target=self._watch_primary, daemon=True)

    # --- Start and end ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start everything, and return once the site answers.

        Raises:
            ClusterError: something is missing or doesn't start.
        """
        self._check_programs()
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True)
        self.keeper = Keeper(FOLDER / "log", self.say)
        self._say_step("PostgreSQL: a primary and two standbys")
        follow_each_other(self.servers)
        self.primary.create_database(site.DATABASE, site.OWNER)
        with self.primary.connect() as connection:
            for name, value in site.TIME_LIMITS.items():
                connection.execute(f"ALTER ROLE {site.OWNER} SET {name} = '{value}'")
        self._say_step("Redis")
        redis_port = free_port()
        self.keeper.start("redis", Program([_redis(), "--port", str(redis_port), *_REDIS]))
        self._say_step("PgBouncer")
        self.bouncer = PgBouncer(FOLDER / "pgbouncer", free_port(), site.DATABASE, site.OWNER)
        self.bouncer.lead_to(self.primary, self.replica)
        self.keeper.start("pgbouncer", self.bouncer.program)
        self._say_step("The sandbox: a local Stripe and OpenID provider")
        sandbox_port = free_port()
        self.sandbox_url = f"http://localhost:{sandbox_port}"
        self.common = site.environment(self.url, self.sandbox_url, redis_port, FOLDER / "mail")
        self._start_sandbox(sandbox_port)
        self._say_step("Migrating the database")
        self.manage("migrate", "--no-input", "--verbosity", "0")
        self._say_step("The catalogue")
        self.manage("load_catalog", "billing/packages/catalogs/demo.toml", "--if-empty")
        self._wait_for("sandbox", f"{self.sandbox_url}/_sandbox/clock")
        self.manage("sync_catalog")
        self._say_step("Three web servers and two workers")
        self.web_ports = {name: free_port() for name in WEB}
        for name in WEB:
            self._start_web(name)
        for name in WORKERS:
            self.keeper.start(name, site.worker(self.common, self.servers, self.release))
        for name, port in self.web_ports.items():
            self._wait_for(name, f"http://127.0.0.1:{port}/health/ready")
        self._say_step("HAProxy")
        self.balancer = HAProxy(FOLDER / "haproxy", self.port, self.web_ports)
        self.keeper.start("haproxy", self.balancer.program)
        self._wait_for("haproxy", f"{self.url}/health/ready")
        self._watch.start()
        self._say_step("Ready")

    def stop(self) -> None:
        """End everything that was started, in the other order."""
        self._over.set()
        if self._watch.is_alive():
            self._watch.join()
        if hasattr(self, "keeper"):
            self.keeper.stop_all()
        for server in self.servers:
            server.stop()

    @property
    def replica(self) -> Server:
        """The standby that readers use: the last in the list, so that the first stays the synchronous one."""
        return next(server for server in reversed(self.servers) if server is not self.primary)

    def manage(self, *arguments: str) -> str:
        """Run one of manage.py's commands at the primary. Returns what it printed; raises ClusterError if it fails."""
        return self.run_python("manage.py", *arguments)

    # --- What happens to it -----------------------------------------------------------------------------------

    def _watch_primary(self) -> None:
        while not self._over.is_set():
            if not self.primary.takes_writes():
                self._fail_over()
            self._over.wait(failover.CHECK_EVERY_S)

    def _fail_over(self) -> None:
        begun = time.monotonic()
        failover.wait_until_dead(self.primary)
        with self._turn:
            old, self.primary = self.primary, failover.replace(self.primary, self.servers)
            self.bouncer.lead_to(self.primary, self._other_than(old))
            self.promotions.append((begun, time.monotonic()))
            self.say(
                f"{self.primary.name} was promoted {time.monotonic() - begun:.1f} s after {old.name} was gone"
            )
            how = failover.bring_back(old, self.primary, self.servers)
            self.bouncer.lead_to(self.primary, self.replica)
            self.say(f"{old.name} is a standby again, by {how}")

    def _other_than(self, old: Server) -> Server:
        return next(server for server in self.servers if server not in (old, self.primary))

    def upgrade(self, release: Path) -> None:
        """Migrate with the new release while the old one runs, then restart each web server and worker in turn."""
        with self._turn:
            self.release = release
            self.manage("migrate", "--no-input", "--verbosity", "0")
            for name in WEB:
                self.balancer.drain(name)
                self.keeper.stop(name)
                self._start_web(name)
                self._wait_for(name, f"http://127.0.0.1:{self.web_ports[name]}/health/ready")
                self.balancer.use(name)
            for name in WORKERS:
                self.keeper.start(name, site.worker(self.common, self.servers, self.release))

    # --- Parts ------------------------------------------------------------------------------------------------

    def run_python(self, *command: str) -> str:
        """Run Python with this command line at the primary. Returns what it printed.

        Raises:
            ClusterError: it failed; the message is what it printed.
        """
        done = site.run_command(self.common, self.servers, self.release, *command)
        if done.returncode:
            raise ClusterError(f"{' '.join(command)} failed:\n{(done.stdout + done.stderr)[-3000:]}")
        return done.stdout

    def _start_web(self, name: str) -> None:
        self.keeper.start(name, site.web(self.common, self.bouncer, self.web_ports[name], self.release))

    def _start_sandbox(self, port: int) -> None:
        events = self.run_python("-c", WANTED_EVENTS).strip()
        command = [sys.executable, "-m", "sandbox", "--port", str(port), "--app-url", self.url]
        command += ["--webhook-url", f"{self.url}{haproxy.WEBHOOK}", "--webhook-secret", site.WEBHOOK_SECRET]
        command += ["--webhook-events", events, "--state", str(FOLDER / "sandbox")]
        self.keeper.start("sandbox", Program(command, {}, ROOT))

    def _wait_for(self, name: str, url: str) -> None:
        if not wait_until_answers_at(url, PATIENCE_S, lambda: self.keeper.runs(name)):
            raise ClusterError(f"{name} did not start:\n{self.keeper.last_lines(name)}")

    def _check_programs(self) -> None:
        missing = []
        for find in (haproxy.find, pgbouncer.find, _redis):
            try:
                find()
            except FileNotFoundError as error:
                missing.append(str(error))
        if missing:
            raise ClusterError("\n".join(missing))

    def _say_step(self, text: str) -> None:
        self._step += 1
        self._progress(self._step, text)


WANTED_EVENTS = """
import django
django.setup()
from billing.setup.webhook_events import WANTED_EVENTS
print(",".join(WANTED_EVENTS))
"""
_REDIS = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no")


def _redis() -> str:
    path = shutil.which("redis-server")
    if path is None:
        raise FileNotFoundError("redis-server is missing. On Debian: apt install redis-server")
    return path
