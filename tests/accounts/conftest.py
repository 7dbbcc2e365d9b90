"""The real sandbox process, our settings pointed at it, and a browser without a screen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django.live_server_helper import LiveServer

from tests.accounts.browsers import Browser
from tests.support.openid import provider, sandbox

__all__ = ["provider", "sandbox"]


@pytest.fixture
def browser(live_server: LiveServer) -> Iterator[Browser]:
    browser = Browser(live_server.url)
    yield browser
    browser.http.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whitenoise warns where nobody ran collectstatic, and nobody does for tests."""
    for item in items:
        item.add_marker(pytest.mark.filterwarnings("ignore:No directory at:UserWarning"))
