"""The groups of the back office: each does its own work, and nothing of the others'."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Group
from django.test import Client

from billing.admin.roles import PERMISSIONS, bring_groups_up_to_date
from billing.packages.models import Package
from billing.reconciliation.models import ReconciliationRun
from credits.ledger.models import Hold
from credits.rates.models import Rate
from tests.admin.pages import add_to, button_of, list_of, page_of
from tests.admin.rows import Books, make_finding, make_refund
from tests.support.builders import UserFactory
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db

GROUPS = ["support", "finance", "catalogue", "nobody"]
# What a button or form is, and who may use it.
WORK = {
    "refund": {"support", "finance"},
    "refund a payment": {"support", "finance"},
    "say what a refund comes to": {"support", "finance"},
    "close without credits": {"support", "finance"},
    "rerun": {"support", "finance"},
    "release a hold": {"support", "finance"},
    "adjust credits": {"finance"},
    "undo an adjustment": {"finance"},
    "edit a package": {"catalogue"},
    "add a package": {"catalogue"},
    "add a rate": {"catalogue"},
    "compare with Stripe": {"finance"},
    "go on with a comparison": {"finance"},
}


def member_of(group: str) -> Client:
    user = UserFactory.create(is_staff=True)
    user.groups.set(Group.objects.filter(name=group))
    return sign_in(user)


def address_of(work: str, books: Books) -> str:
    return {
        "refund": button_of(books.purchase, "refund"),
        "refund a payment": button_of(books.purchase, "refund_payment"),
        "say what a refund comes to": button_of(
            make_refund(books.purchase, counted_minor=None), "say_amount"
        ),
        "close without credits": button_of(books.purchase, "close_unpaid"),
        "rerun": button_of(books.purchase, "rerun"),
        "release a hold": button_of(books.row(Hold), "release"),
        "adjust credits": button_of(books.account, "adjust"),
        "undo an adjustment": button_of(books.adjustment, "undo"),
        "edit a package": page_of(books.package),
        "add a package": add_to(Package),
        "add a rate": add_to(Rate),
        "compare with Stripe": f"{list_of(ReconciliationRun)}compare/",
        "go on with a comparison": button_of(make_finding(books.purchase).run, "go_on"),
    }[work]


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize("group", GROUPS)
def test_each_group_does_its_own_work_and_no_other(group: str, work: str, books: Books) -> None:
    client, address = member_of(group), address_of(work, books)
    may = group in WORK[work]

    assert (client.post(address, {}).status_code != 403) is may


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_may_look(group: str, books: Books) -> None:
    client = member_of(group)
    for row in (books.purchase, books.account, books.entry, books.inbox_event):
        assert client.get(page_of(row)).status_code == 200


def test_only_whom_it_concerns_sees_personal_data() -> None:
    assert {name for name, held in PERMISSIONS.items() if "inbox.view_personal_data" in held} == {
        "support",
        "finance",
    }


def test_the_groups_are_those_that_the_provider_may_name() -> None:
    assert set(PERMISSIONS) == set(django_settings.STAFF_GROUPS)


def test_migrating_again_brings_a_group_back_to_what_it_is(books: Books) -> None:
    Group.objects.get(name="support").permissions.clear()
    own = Group.objects.create(name="interns")
    bring_groups_up_to_date()

    held: Any = Group.objects.get(name="support").permissions.values_list("codename", flat=True)
    assert {label.split(".")[1] for label in PERMISSIONS["support"]} == set(held)
    assert own.permissions.count() == 0
