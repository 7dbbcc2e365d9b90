"""Who may come to the back office, and something to find there."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts.models import User
from tests.admin.rows import Books, make_books
from tests.builders import UserFactory


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


@pytest.fixture
def books(db: None) -> Books:
    return make_books()


def sign_in(user: User, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user, backend=django_settings.PASSWORD_BACKEND)
    return client
