"""The sandbox as an OpenID provider: fixtures for the folders that import them."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from accounts.sign_in.provider_keys import forget_keys
from tests.support.sandbox import Sandbox


@pytest.fixture
def sandbox(provider_process: Sandbox) -> Sandbox:
    return provider_process


@pytest.fixture(autouse=True)
def provider(sandbox: Sandbox, settings: Settings) -> Sandbox:
    """The sandbox as on its first day, as our provider; no keys remembered."""
    sandbox.post("/_sandbox/reset")
    settings.OIDC_ISSUER = f"{sandbox.url}/realms/demo"
    settings.LOGIN_REDIRECT_URL = "/accounts/login/"
    forget_keys()
    return sandbox
