"""Rehearse a restore: `make rehearse-restore`. Needs nothing but the working copy; leaves nothing behind."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.backups.page import archiving
from dev.cluster.postgres import Server, ServerError, give_to_postgres
from dev.demo import free_port

Say = Callable[[str], None]
ROOT = Path(__file__).resolve().parent.parent.parent


def main() -> int:
    """Return the exit status: 1 if a step didn't give what it must."""
    parser = argparse.ArgumentParser(prog="make rehearse-restore", description=__doc__)
    parser.add_argument(
        "--filler", type=int, default=0, metavar="MB", help="how much to fill the database with"
    )
    parser.add_argument(
        "--copy", default="", metavar="URL", help="copy this migrated database, instead of migrating"
    )
    asked = parser.parse_args()
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {text}", flush=True)

    with tempfile.TemporaryDirectory(prefix="rehearsal-") as name, _sandbox() as stripe_url:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL may be another user's
        server = Server("shop", folder / "server", free_port())
        try:
            return _rehearse(server, folder, stripe_url, say, asked)
        finally:
            server.stop()


def _rehearse(server: Server, folder: Path, stripe_url: str, say: Say, asked: argparse.Namespace) -> int:
    say("Starting PostgreSQL, which archives its log")
    for name in ("wal", "base"):
        (folder / name).mkdir()
        give_to_postgres(folder / name)
    server.more = archiving(folder)
    server.create()
    server.start()
    server.create_database("credits", "credits")
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings.dev",
        "DATABASE_URL": server.url("credits", "credits"),
        "SANDBOX_URL": stripe_url,
        "LOG_LEVEL": "ERROR",
    }
    import django

    django.setup()
    from dev.backups.rehearsal import Rehearsal, RehearsalFailed, copy_database
    from dev.backups.shop import Stripe, forget_connections, run

    try:
        if asked.copy:
            copy_database(asked.copy, server, "credits")
        else:
            say("Migrating the database")
            run("migrate", interactive=False, verbosity=0)
        run("load_catalog", "billing/packages/catalogs/standard.toml")
        run("sync_catalog")
        Rehearsal(server, folder, Stripe(stripe_url), say, asked.filler).run()
    except (RehearsalFailed, ServerError) as error:
        print(f"The rehearsal failed: {error}", file=sys.stderr)
        return 1
    finally:
        forget_connections()
    return 0


@contextmanager
def _sandbox() -> Iterator[str]:
    """Run the local Stripe on a port of its own, with webhooks to nobody: the site isn't running."""
    command = [sys.executable, "-m", "sandbox", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise ServerError("The local Stripe says nothing.")
        try:
            yield process.stdout.readline().split("Sandbox ready: ")[1].strip()
        finally:
            process.terminate()


if __name__ == "__main__":
    sys.exit(main())
