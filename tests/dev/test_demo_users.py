"""The demo's people are enough to try everything out."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import User
from credits.adjustments.models import Adjustment
from credits.ledger.models import Account
from dev.demo_users import create_demo_users
from tests.admin.forms import APPROVE, adjust
from tests.admin.pages import press
from tests.credits.builders import funded, numbers

pytestmark = pytest.mark.django_db


def as_one(name: str) -> Client:
    client = Client()
    assert client.login(username=name, password=name)
    return client


def test_two_of_the_staff_are_there_so_that_one_approves_what_the_other_asked_for() -> None:
    assert len(list(create_demo_users())) == 4
    account: Account = funded(100)
    adjust(as_one("staff"), account, "5000")
    waiting = Adjustment.objects.get()
    assert waiting.status == Adjustment.Status.WAITING
    press(as_one("staff"), waiting, APPROVE)
    assert numbers(account)[0] == 100
    press(as_one("staff2"), waiting, APPROVE)
    assert numbers(account)[0] == 5100
    assert User.objects.filter(is_staff=True).count() == 2
