"""Owners are told once, a month ahead, of a card that expires and is charged by a plan or an automatic top-up."""

from __future__ import annotations

import datetime
from io import StringIO

import pytest
from django.core import mail
from django.core.management import call_command

from accounts.models import User
from billing.customers.methods import remove_method, shown_methods
from billing.customers.models import SavedMethod
from billing.mail.card_expires import announce_card_expires, warn_of_expiring_cards
from billing.subscriptions.changing import set_ending
from tests.auto_top_up.saving import save_card, set_up
from tests.subscriptions.story import take_plan, work
from tests.support.builders import UserFactory, put_on_sale
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
# The sandbox's cards expire in December 2034.
IN_TIME, TOO_EARLY = datetime.date(2034, 11, 1), datetime.date(2034, 10, 31)


@pytest.fixture
def ada() -> User:
    put_on_sale("demo")
    user: User = UserFactory(email="ada@example.com")
    return user


def mails() -> list[str]:
    work()
    sent = [each for each in mail.outbox if "expires" in each.subject]
    mail.outbox.clear()
    return [str(each.body) for each in sent]


def test_it_is_mailed_once_where_automatic_top_up_depends_on_it(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada)
    assert warn_of_expiring_cards(IN_TIME) == 0  # nothing depends on it
    set_up(ada, account)
    assert warn_of_expiring_cards(TOO_EARLY) == 0
    assert warn_of_expiring_cards(IN_TIME) == 1
    assert warn_of_expiring_cards(datetime.date(2034, 12, 31)) == 0
    (body,) = mails()
    assert "12/2034" in body
    sandbox.set_expiry(shown_methods(account)[0].row.stripe_payment_method_id, exp_month=1, exp_year=2036)
    sandbox.wait_for_webhooks()
    assert warn_of_expiring_cards(datetime.date(2035, 12, 1)) == 1  # the renewed one, when its time comes


def test_it_is_mailed_where_a_plan_depends_on_it(sandbox: Sandbox, ada: User) -> None:
    call_command("sync_catalog", stdout=StringIO())
    taken = take_plan(sandbox, ada)
    set_ending(ada, taken, ends=True)
    assert warn_of_expiring_cards(IN_TIME) == 0
    set_ending(ada, taken, ends=False)
    assert (warn_of_expiring_cards(TOO_EARLY), warn_of_expiring_cards(IN_TIME)) == (0, 1)
    assert len(mails()) == 1


def test_a_card_removed_meanwhile_is_not_mailed_about(sandbox: Sandbox, ada: User) -> None:
    account = save_card(sandbox, ada)
    card = SavedMethod.objects.get()
    remove_method(account, card.pk)
    announce_card_expires(card.pk)
    assert mails() == []
