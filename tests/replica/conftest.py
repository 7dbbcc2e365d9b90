"""One primary with a streaming replica for the folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from accounts.models import User
from tests.support.builders import UserFactory
from tests.support.replicas import Pair, forget_what_is_known, pointed_at, running_pair


@pytest.fixture(scope="package")
def pair(django_db_setup: None, django_db_blocker: Any) -> Iterator[Pair]:
    with django_db_blocker.unblock(), running_pair() as pair, pointed_at(pair):
        yield pair


@pytest.fixture
def new_process(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_what_is_known(monkeypatch)


@pytest.fixture
def ada() -> User:
    user: User = UserFactory.create(username="ada", email="ada@example.com")
    return user
