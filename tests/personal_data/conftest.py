"""A shop, and somebody who left traces everywhere in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.sign_in.provider_keys import forget_keys
from credits.proof.checking import find_violations
from tests.personal_data.story import Story, tell
from tests.support.builders import put_on_sale
from tests.support.sandbox import Sandbox
from tests.support.snapshots import once


@pytest.fixture(autouse=True)
def _shop(
    sandbox: Sandbox, live_server: Any, settings: Any, request: pytest.FixtureRequest
) -> Iterator[Story | None]:
    """With the story in it, where a test asks for it. At the end the books are whole."""
    settings.LOGIN_REDIRECT_URL = "/accounts/login/"
    forget_keys()
    if "story" in request.fixturenames:
        yield once("personal data", sandbox, lambda: tell(sandbox, live_server.url))
    else:
        put_on_sale()
        yield None
    assert list(find_violations()) == []


@pytest.fixture
def story(_shop: Story) -> Story:
    return _shop
