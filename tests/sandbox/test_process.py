"""Starting, stopping, and what outlives the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import stripe

from tests.local_world import Sandbox, running_sandbox
from tests.sandbox.conftest import connect, create_session

COMMAND = [sys.executable, "-m", "sandbox"]


def test_state_survives_a_restart(tmp_path: Path) -> None:
    with running_sandbox("--state", str(tmp_path)) as before:
        client = connect(before)
        session = create_session(client)
        made = client.v1.products.create({"name": "Pack"}, {"idempotency_key": "k"})
        before.pay(session.id, "4000000000000002")
        before.post("/_sandbox/clock", {"advance_s": 3600})
        before.fault(path="/v1/customers", status=500)
    with running_sandbox("--state", str(tmp_path)) as after:
        client = connect(after)
        assert after.pay(session.id)["outcome"] == "succeeded"
        assert after.get("/_sandbox/clock")["now"] >= time.time() + 3599
        assert client.v1.products.create({"name": "Pack"}, {"idempotency_key": "k"}).id == made.id
        with pytest.raises(stripe.APIError):
            client.v1.customers.list()


def test_a_port_in_use_is_said_in_one_line(sandbox: Sandbox) -> None:
    port = sandbox.url.rsplit(":", 1)[1]
    ended = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True, timeout=20)
    assert ended.returncode == 1
    assert ended.stderr == f"Port {port} on 127.0.0.1 is already in use.\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_whatever_the_environment_says_and_ends_within_a_second(number: signal.Signals) -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"}
    command = [*COMMAND, "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Sandbox ready: http://localhost:")
        told_at = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=5)
        assert time.monotonic() - told_at < 1
        assert (process.returncode, errors) == (0, "")


def test_a_webhook_address_needs_its_secret() -> None:
    ended = subprocess.run(
        [*COMMAND, "--webhook-url", "http://x"], capture_output=True, text=True, timeout=20
    )
    assert ended.returncode == 2
    assert "belong together" in ended.stderr
