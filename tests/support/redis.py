"""A real Redis for a test, and a site that uses it."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from accounts.limits.counters import forget_counts
from config.environment import Environment
from dev.demo import free_port
from tests.support.programs import needed


def use_redis(settings: Any, port: int) -> None:
    settings.CACHES = {"default": Environment.cache_url_config(f"redis://127.0.0.1:{port}/0")}
    settings.COUNT_STORE = "redis"
    forget_counts()


@pytest.fixture
def redis_server(settings: Any, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    program = needed("redis-server")
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        use_redis(settings, port)
        yield process
        process.kill()
