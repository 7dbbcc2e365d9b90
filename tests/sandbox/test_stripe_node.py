"""The sandbox under Stripe's library for Node, which reads the API with other eyes than the one for Python.

Skipped, with the reason in the summary, where Node or its package can't be had: nothing else here needs either.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
import stripe

from tests.sandbox.calling import API_KEY, connect
from tests.sandbox.receiver import Receiver
from tests.support.programs import needed
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox

HERE = Path(__file__).parent / "node"
PINNED = json.loads((HERE / "package.json").read_text())["dependencies"]["stripe"]
MODULES = Path(tempfile.gettempdir()) / f"stripe-node-{PINNED}-{os.getuid()}"
OLDEST_NODE = 18
SCENARIOS = (
    "account_and_version",
    "lists_page_by_themselves",
    "a_checkout_is_paid_with_3d_secure",
    "a_card_is_saved_and_charged_without_its_owner",
    "a_declined_charge_is_a_card_error_with_its_intent",
    "a_payment_on_session_goes_to_the_bank",
    "a_portal_is_configured_and_opened",
    "a_refund_and_one_too_many",
    "a_key_is_answered_once",
    "errors_have_types_codes_and_params",
    "amounts_and_times_have_bounds",
    "a_default_price_stays",
    "a_restricted_key_may_what_it_was_given",
    "a_subscription_is_renewed_upgraded_and_canceled",
    "a_webhook_is_signed",
)


@pytest.fixture(scope="module")
def node() -> str:
    """Node, with the pinned package beside it, outside the repository."""
    found, npm = needed("node"), needed("npm")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        pytest.skip(f"stripe-node needs Node {OLDEST_NODE}, and this is {version.strip()}")
    if not MODULES.exists():
        _install(npm)
    return found


def _install(npm: str) -> None:
    """In a folder that gets its name once all is there: another run may be at it too."""
    with tempfile.TemporaryDirectory(prefix="stripe-node-") as scratch:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, scratch)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0"]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=120)
        if done.returncode:
            pytest.skip(f"stripe-node {PINNED} can't be fetched: {done.stderr.strip()[:200]}")
        if not MODULES.exists():
            shutil.copytree(scratch, f"{scratch}-whole")
            Path(f"{scratch}-whole").rename(MODULES)


@pytest.fixture(scope="module")
def outcomes(node: str, own_sandbox: Sandbox, receiver_process: Receiver) -> dict[str, str]:
    """What went wrong in each scenario, by its name; empty: nothing. Node is started once for all."""
    own_sandbox.post("/_sandbox/reset")
    receiver_process.forget()
    connect(own_sandbox).v1.products.create({"name": "Pack"})
    own_sandbox.wait_for_webhooks()
    (sent,) = receiver_process.received
    order = {
        "url": own_sandbox.url.replace("localhost", "127.0.0.1"),
        "key": API_KEY,
        "restrictedKey": "rk_test_" + "n" * 24,
        "webhook": {"payload": sent.payload, "signature": sent.signature, "secret": WEBHOOK_SECRET},
        "modules": str(MODULES),
    }
    command = [node, str(HERE / "drive.mjs")]
    driven = subprocess.run(command, input=json.dumps(order), capture_output=True, text=True, timeout=120)
    assert driven.returncode == 0, driven.stderr
    lines = [json.loads(line) for line in driven.stdout.splitlines()]
    return {line["name"]: line["failure"] for line in lines}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_stripes_library_for_node_finds_what_it_expects(outcomes: dict[str, str], scenario: str) -> None:
    assert not outcomes[scenario], outcomes[scenario]


def test_every_scenario_is_told_of(outcomes: dict[str, str]) -> None:
    assert tuple(outcomes) == SCENARIOS


@pytest.mark.usefixtures("node")
def test_both_libraries_speak_the_same_version() -> None:
    package = MODULES / "node_modules/stripe/cjs/apiVersion.js"
    assert stripe.api_version in package.read_text()
