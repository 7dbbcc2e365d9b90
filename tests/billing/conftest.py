"""A sandbox for the tests here that speak to Stripe."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests


class Sandbox:
    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str) -> Any:
        return self._answer(requests.get(self.url + path, timeout=10))

    def post(self, path: str, json: dict[str, Any]) -> Any:
        return self._answer(requests.post(self.url + path, json=json, timeout=10))

    def _answer(self, response: requests.Response) -> Any:
        response.raise_for_status()
        return response.json()


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[Sandbox]:
    command = [sys.executable, "-m", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            yield Sandbox(line.split("Sandbox ready: ")[1].strip())
        finally:
            process.terminate()


@pytest.fixture
def sandbox(sandbox_process: Sandbox, settings: Any) -> Sandbox:
    sandbox_process.post("/_sandbox/reset", {})
    settings.STRIPE_API_BASE = sandbox_process.url
    settings.STRIPE_API_HOST = sandbox_process.url
    return sandbox_process
