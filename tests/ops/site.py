"""The site in a process of its own, by the server and with the numbers of the image, on the tests' database."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

from django.db import connection

from dev.demo import PATIENCE_S, free_port, wait_until_answers
from dev.processes import Processes

ROOT = Path(__file__).resolve().parent.parent.parent
SERVER = dict(re.findall(r"(GRANIAN_\w+)=(\S+)", (ROOT / "Dockerfile").read_text()))


def database_url() -> str:
    """The tests' database, as DATABASE_URL takes it."""
    given = connection.settings_dict
    names = {"host": given["HOST"], "port": given["PORT"]}
    query = urlencode({name: value for name, value in names.items() if value})
    user = quote(given["USER"]) + (f":{quote(given['PASSWORD'])}" if given["PASSWORD"] else "")
    return f"postgresql://{user}@/{given['NAME']}?{query}"


@contextmanager
def running_site(logs: Path, **environment: str) -> Iterator[str]:
    """Gives its address."""
    processes, port = Processes(logs), free_port()
    url = f"http://127.0.0.1:{port}"
    set_up = {
        **SERVER,
        "GRANIAN_HOST": "127.0.0.1",
        "GRANIAN_PORT": str(port),
        "DJANGO_SETTINGS_MODULE": "config.settings.dev",
        "DATABASE_URL": database_url(),
        **environment,
    }
    try:
        site = processes.start("site", [sys.executable, "-m", "granian", "config.wsgi:application"], set_up)
        wait_until_answers(site, f"{url}/health/live", PATIENCE_S)
        yield url
    finally:
        processes.stop_all()
