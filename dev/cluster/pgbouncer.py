"""Configure PgBouncer in transaction mode before the primary and the replica."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import psycopg

from dev.cluster.keeper import Program
from dev.cluster.postgres import Server, system_user
from dev.database import LOCAL

# 1.21 is the first that keeps prepared statements. `dev/cluster/build_pgbouncer.sh` builds one where Debian's is older.
BUILT = LOCAL / "pgbouncer" / "bin" / "pgbouncer"
KEEPS_PREPARED_STATEMENTS = (1, 21)
PRIMARY, REPLICA = "credits", "credits_replica"
CONSOLE_USER = "operator"

CONFIGURATION = """\
[databases]
{primary_name} = host=127.0.0.1 port={primary} dbname={database}
{replica_name} = host=127.0.0.1 port={replica} dbname={database}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users.txt
admin_users = {console_user}
pool_mode = transaction
{prepared_statements}
max_client_conn = 500
default_pool_size = 20
; While the primary is replaced: look for it often, and let callers wait for it a little.
server_login_retry = 0.2
server_connect_timeout = 2
query_wait_timeout = 10
"""


class PgBouncer:
    """One PgBouncer; ``program`` starts it, and it reads its configuration from ``folder``."""

    def __init__(self, folder: Path, port: int, database: str, user: str, path: str | None = None) -> None:
        self.folder = folder
        self.port = port
        self.database = database
        self.path = path or find()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "users.txt").write_text(f'"{user}" ""\n"{CONSOLE_USER}" ""\n')
        self._user = user
        # It refuses root, as PostgreSQL does.
        self.program = Program([self.path, str(folder / "pgbouncer.ini")], user=system_user())

    def url(self, name: str = PRIMARY) -> str:
        return f"postgresql://{self._user}@127.0.0.1:{self.port}/{name}"

    def lead_to(self, primary: Server, replica: Server) -> None:
        """Write where the primary and the replica are, and tell a running PgBouncer."""
        prepared = "max_prepared_statements = 200" if keeps_prepared_statements(self.path) else ""
        text = CONFIGURATION.format(
            primary_name=PRIMARY,
            replica_name=REPLICA,
            primary=primary.port,
            replica=replica.port,
            database=self.database,
            port=self.port,
            folder=self.folder,
            console_user=CONSOLE_USER,
            prepared_statements=prepared,
        )
        (self.folder / "pgbouncer.ini").write_text(text)
        try:
            with psycopg.connect(
                f"postgresql://{CONSOLE_USER}@127.0.0.1:{self.port}/pgbouncer",
                autocommit=True,
                connect_timeout=2,
            ) as console:
                console.cursor().execute("RELOAD")
                console.cursor().execute("RECONNECT")
        except psycopg.OperationalError:
            return  # it isn't running, and reads the file when it starts


def find() -> str:
    """Return the path of the newest PgBouncer here. Raises FileNotFoundError, saying how to get one."""
    path = os.environ.get("PGBOUNCER_PROGRAM") or (str(BUILT) if BUILT.exists() else _installed())
    if path is None:
        raise FileNotFoundError("pgbouncer is missing. On Debian: apt install pgbouncer")
    return path


def _installed() -> str | None:
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def keeps_prepared_statements(path: str) -> bool:
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"(\d+)\.(\d+)", said)
    return version is not None and (int(version[1]), int(version[2])) >= KEEPS_PREPARED_STATEMENTS
