from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command

from accounts.models import User
from credits.ledger.models import Account
from credits.ledger.operations import open_account
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox


@pytest.fixture
def shop(sandbox: Sandbox) -> None:
    put_on_sale("demo")
    call_command("sync_catalog", stdout=StringIO())


@pytest.fixture
def ada(shop: None) -> User:
    user: User = UserFactory(email="ada@example.com")
    return user


@pytest.fixture
def account(ada: User) -> Account:
    return open_account(ada)
