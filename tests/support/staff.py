"""Staff, and their clients: fixtures for every folder."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from tests.support.builders import UserFactory
from tests.support.signing_in import sign_in


@pytest.fixture
def superuser(db: None) -> User:
    user: User = UserFactory.create(username="stella", is_staff=True, is_superuser=True)
    return user


@pytest.fixture
def clerk(db: None) -> User:
    """Staff, and no more: no permission of any kind."""
    user: User = UserFactory.create(username="carl", is_staff=True)
    return user


@pytest.fixture
def as_superuser(superuser: User) -> Client:
    return sign_in(superuser)


@pytest.fixture
def as_clerk(clerk: User) -> Client:
    return sign_in(clerk)
