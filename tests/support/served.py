"""The site as production serves it: granian in a process of its own, by the image's numbers, on the test database."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import connection

from dev.demo import PATIENCE_S, free_port, wait_until_answers
from dev.processes import Processes

ROOT = Path(__file__).resolve().parent.parent.parent
SERVER = dict(re.findall(r"(GRANIAN_\w+)=(\S+)", (ROOT / "Dockerfile").read_text()))
THREADS = int(SERVER["GRANIAN_BLOCKING_THREADS"])


def database_url() -> str:
    """Give the test's database, as DATABASE_URL takes it."""
    given = connection.settings_dict
    names = {"host": given["HOST"], "port": given["PORT"]}
    query = urlencode({name: value for name, value in names.items() if value})
    user = quote(given["USER"]) + (f":{quote(given['PASSWORD'])}" if given["PASSWORD"] else "")
    return f"postgresql://{user}@/{given['NAME']}?{query}"


@contextmanager
def running_site(logs: Path | None = None, /, **environment: str) -> Iterator[str]:
    """Give its address. In the environment: SANDBOX_URL where it is to know the local Stripe, GRANIAN_PORT where its
    port was promised to someone, and whatever else differs.

    It logs into ``site.log`` in the folder ``logs``, or where nobody looks.
    """
    with tempfile.TemporaryDirectory() as nowhere:
        processes = Processes(logs or Path(nowhere))
        port = int(environment.get("GRANIAN_PORT") or free_port())
        url = f"http://127.0.0.1:{port}"
        told = {
            **SERVER,
            "GRANIAN_HOST": "127.0.0.1",
            "GRANIAN_PORT": str(port),
            "DJANGO_SETTINGS_MODULE": "config.settings.dev",
            "DATABASE_URL": database_url(),
            "SECRET_KEY": settings.SECRET_KEY,  # sessions that are made here count there
            "SITE_URL": url,
            **environment,
        }
        try:
            site = processes.start("site", [sys.executable, "-m", "granian", "config.wsgi:application"], told)
            wait_until_answers(site, f"{url}/health/live", PATIENCE_S)
            yield url
        finally:
            processes.stop_all()
