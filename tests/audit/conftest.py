"""Who comes to the back office, and from which address."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from tests.admin.rows import Books, make_books
from tests.audit.entries import ADDRESS
from tests.support.signing_in import sign_in


@pytest.fixture
def as_superuser(superuser: User) -> Client:
    return sign_in(superuser, REMOTE_ADDR=ADDRESS)


@pytest.fixture
def books(db: None) -> Books:
    return make_books()
