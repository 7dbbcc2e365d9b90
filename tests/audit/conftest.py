"""Who comes to the back office, and from which address."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from tests.admin.conftest import as_clerk, books, clerk, sign_in, superuser
from tests.audit.entries import ADDRESS

__all__ = ["as_clerk", "books", "clerk", "superuser"]


@pytest.fixture
def as_superuser(superuser: User) -> Client:
    return sign_in(superuser, REMOTE_ADDR=ADDRESS)
