"""A timeline tells everything once, newest first, a page at a time, to whoever may see it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.models import User
from billing.admin.customers.customer import Customer, customer_with
from billing.admin.customers.timeline import SOURCES
from billing.admin.customers.timeline.merging import Page, page_of, read_place
from billing.admin.customers.timeline.source import Source
from billing.purchases.models import Purchase
from billing.refunds.models import Refund
from credits.gifts.models import Gift
from credits.ledger import operations as ledger
from credits.ledger.models import Lot
from credits.notices.models import BalanceAlert, ExpiryWarning
from tests.admin.customers.rows import live_through_everything, make_customer, url_of
from tests.admin.pages import page_of as admin_page
from tests.admin.pages import read
from tests.support.builders import UserFactory
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db

NOW = timezone.now()
THEN = "2026-11-28T12:00:00+00:00"


@pytest.fixture
def ada(superuser: User) -> User:
    """With something from every source, some of it at the same moment, and a neighbour with the same."""
    user = make_customer(last_login=NOW)
    for one in (user, UserFactory.create()):
        for _ in range(3):
            live_through_everything(one, superuser)
        account = ledger.open_account(one)
        BalanceAlert.objects.create(account=account, mailed_at=NOW)
        for lot in Lot.objects.filter(account=account):
            ExpiryWarning.objects.create(lot=lot, account=account, mailed_at=NOW)
    Purchase.objects.update(confirmation_sent_at=NOW, failure_mailed_at=NOW)
    Refund.objects.update(mailed_at=NOW)
    Gift.objects.update(sender_mailed_at=NOW, recipient_mailed_at=NOW)
    user.is_staff = True
    user.save()  # which the audit records
    return user


def customer_of(user: User) -> Customer:
    customer = customer_with(user.pk)
    assert customer is not None
    return customer


def read_from(user: User, place: str = "", size: int = 1000, shown: list[Source] = SOURCES) -> Page:
    return page_of(customer_of(user), SOURCES, shown, read_place(SOURCES, place), size)


def told(page: Page) -> list[tuple[Any, ...]]:
    return [(each.at, str(each.line.kind), str(each.line.text), each.line.url) for each in page.happenings]


def in_pages(user: User, size: int) -> list[tuple[Any, ...]]:
    everything, place = [], ""
    for _ in range(300):
        page = read_from(user, place, size)
        everything += told(page)
        if not page.beyond:
            return everything
        assert len(page.happenings) == size
        place = page.beyond
    pytest.fail("the pages never end")


@pytest.mark.parametrize("size", [1, 7])
def test_pages_together_tell_everything_once_newest_first(ada: User, size: int) -> None:
    whole = told(read_from(ada))

    assert in_pages(ada, size) == whole
    assert [at for at, *_rest in whole] == sorted((at for at, *_rest in whole), reverse=True)
    of_each = [source.rows(customer_of(ada)).exclude(**{source.at: None}).count() for source in SOURCES]
    assert 0 not in of_each
    assert len(whole) == sum(of_each)
    assert len([one for one in whole if one[0] == NOW]) > 20  # the same moment, over several pages


def test_what_happens_meanwhile_moves_no_page(ada: User, superuser: User) -> None:
    first = read_from(ada, size=5)
    second = told(read_from(ada, first.beyond, size=5))

    live_through_everything(ada, superuser)

    assert told(read_from(ada, first.beyond, size=5)) == second
    assert told(read_from(ada, size=5)) != told(first)


@pytest.mark.parametrize(
    "place",
    [
        ",",
        "yesterday,event,1",
        f"{THEN},event,x",
        f"{THEN},nothing,1",
        "2026-11-28T12:00:00,event,1",
        "2026-13-45T99:99:99+00:00,event,1",
        f"{THEN},event,{'9' * 30}",
        f"{THEN},payment,%",
    ],
)
def test_a_place_that_makes_no_sense_is_the_first_page(place: str, ada: User, as_superuser: Client) -> None:
    assert told(read_from(ada, place, size=5)) == told(read_from(ada, size=5))
    answer = as_superuser.get(url_of(ada, "customer-timeline"), {"beyond": place})
    assert answer.status_code == 200


def test_it_leads_to_what_it_tells_of_and_names_staff(ada: User, as_superuser: Client) -> None:
    page = read(as_superuser, url_of(ada, "customer-timeline"))

    for row in (Purchase.objects.filter(user=ada)[0], Refund.objects.filter(payment__purchase__user=ada)[0]):
        assert f'href="{admin_page(row)}"' in page
    assert "by stella" in page
    assert "Changed user: Staff status" in page


def test_each_source_needs_its_own_permission(ada: User, as_clerk: Client) -> None:
    url = url_of(ada, "customer-timeline")
    assert "Changed user" not in read(as_clerk, url)

    auditor: User = UserFactory.create(is_staff=True)
    auditor.user_permissions.add(Permission.objects.get(codename="view_auditentry"))
    assert "Changed user" in read(sign_in(auditor), url)


def test_codes_are_of_one_source_each() -> None:
    assert len({source.code for source in SOURCES}) == len(SOURCES)
