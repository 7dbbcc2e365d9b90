"""What several files of this folder start from."""

from __future__ import annotations

import pytest

from tests.support.sandbox import Sandbox


@pytest.fixture
def held_webhooks(sandbox: Sandbox) -> None:
    """For what must not depend on events."""
    sandbox.hold_webhooks()
