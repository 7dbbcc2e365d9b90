"""The real sandbox as the provider, and services that call."""

from __future__ import annotations

import pytest

from accounts.clients import client_tokens as tokens
from tests.support.api_clients import new_key, service
from tests.support.openid import provider, sandbox

__all__ = ["new_key", "provider", "sandbox", "service"]


@pytest.fixture(autouse=True)
def _no_token_remembered() -> None:
    tokens._proofs.clear()
