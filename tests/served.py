"""The site as production serves it: granian in a process of its own, on the test's database."""

from __future__ import annotations

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
from tests.local_world import Sandbox

WORKERS = 1
THREADS = 8


def database_url() -> str:
    database = connection.settings_dict
    password = f":{quote(database['PASSWORD'])}" if database["PASSWORD"] else ""
    place = {"host": database["HOST"], **({"port": database["PORT"]} if database["PORT"] else {})}
    return f"postgres://{database['USER']}{password}@/{database['NAME']}?{urlencode(place)}"


@contextmanager
def running_site(sandbox: Sandbox, **environment: str) -> Iterator[str]:
    """Gives its address. As many threads as in the image, and Stripe's timeouts as in production."""
    with tempfile.TemporaryDirectory() as logs:
        processes = Processes(Path(logs))
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        command = f"-m granian --interface wsgi --port {port} config.wsgi:application"
        told = {
            "DJANGO_SETTINGS_MODULE": "config.settings.dev",
            "DATABASE_URL": database_url(),
            "SECRET_KEY": settings.SECRET_KEY,  # sessions that are made here count there
            "SITE_URL": url,
            "SANDBOX_URL": sandbox.url,
            "GRANIAN_WORKERS": str(WORKERS),
            "GRANIAN_BLOCKING_THREADS": str(THREADS),
        }
        try:
            process = processes.start("site", [sys.executable, *command.split()], {**told, **environment})
            wait_until_answers(process, f"{url}/health/live", PATIENCE_S)
            yield url
        finally:
            processes.stop_all()
