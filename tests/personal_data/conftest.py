"""A shop, and somebody who left traces everywhere in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.sign_in.provider_keys import forget_keys
from credits.proof.checking import find_violations
from tests.builders import put_on_sale
from tests.local_world import Sandbox
from tests.personal_data.story import Story, tell


@pytest.fixture(autouse=True)
def _books_stay_whole(sandbox: Sandbox, settings: Any) -> Iterator[None]:
    put_on_sale()
    settings.LOGIN_REDIRECT_URL = "/accounts/login/"
    forget_keys()
    yield
    assert list(find_violations()) == []


@pytest.fixture
def story(sandbox: Sandbox, live_server: Any) -> Story:
    return tell(sandbox, live_server.url)
