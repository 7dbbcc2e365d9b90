"""Scripts, SQL and the provider's roles: what goes past the admin is on record too, as what it was."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection
from structlog.contextvars import bound_contextvars

from accounts.audit.context import acting
from accounts.audit.models import HIDDEN, AuditEntry
from accounts.models import User
from accounts.people import recognise_person
from accounts.teams import membership
from billing import tasks as jobs
from billing.packages.models import Package
from billing.purchases.models import Purchase
from billing.refunds.models import Refund
from core.program import WEB, WORKER, program_name
from tests.accounts.identities import NOW, identify
from tests.admin.rows import (
    make_dispute,
    make_finding,
    make_inbox_event,
    make_payment,
    make_purchase,
    make_refund,
)
from tests.audit.entries import changes, entries_about, latest
from tests.billing.worker import run_worker
from tests.support.builders import PackageFactory, UserFactory
from tests.support.sandbox import Sandbox
from tests.teams.builders import make_people, monthly

# Each statement in a transaction of its own, as a script's: what the one before said about itself is forgotten.
pytestmark = pytest.mark.django_db(transaction=True)


def run(sql: str, *arguments: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)


def assert_nobody(entry: AuditEntry) -> None:
    assert (entry.actor_id, entry.cause, entry.request_id, entry.address, entry.page) == (
        None,
        "",
        "",
        "",
        "",
    )
    assert entry.database_role


@pytest.fixture
def as_web() -> Iterator[None]:
    """The connection calls itself what the site's own do."""
    run("SET application_name = 'web'")
    yield
    run("RESET application_name")


# --- Scripts ----------------------------------------------------------------------------------------------------------


def test_an_update_past_the_forms_is_on_record() -> None:
    package = PackageFactory.create()
    Package.objects.filter(pk=package.pk).update(price_minor=1)

    entry = entries_about(package)[-1]
    assert changes(entry) == {"price_minor": (1000, 1)}
    assert_nobody(entry)


def test_sql_is_on_record_with_the_program_and_its_role() -> None:
    package = PackageFactory.create()
    run("SET application_name = 'psql'")
    run("UPDATE packages_package SET price_minor = 2 WHERE id = %s", package.pk)
    run("RESET application_name")

    entry = entries_about(package)[-1]
    assert (changes(entry), entry.program) == ({"price_minor": (1000, 2)}, "psql")
    assert entry.database_role == connection.settings_dict["USER"]
    assert_nobody(entry)


def test_a_statement_that_changes_nothing_is_no_act() -> None:
    package = PackageFactory.create()
    before = len(entries_about(package))
    run("UPDATE packages_package SET price_minor = price_minor")
    assert len(entries_about(package)) == before


@pytest.mark.parametrize(
    ("make", "change", "recorded"),
    [
        (lambda: make_refund(make_purchase()), "refunds_refund SET status = 'failed'", "status"),
        (
            lambda: make_finding(make_purchase()),
            "reconciliation_reconciliationfinding SET state = 'settled'",
            "state",
        ),
        (make_purchase, "purchases_purchase SET attention = 'paid_twice'", "attention"),
        (
            lambda: make_payment(make_purchase()),
            "purchases_payment SET attention = 'paid_twice'",
            "attention",
        ),
        (lambda: make_dispute(make_purchase()), "refunds_dispute SET status = 'won'", "status"),
        (lambda: make_inbox_event(None, "failed"), "inbox_inboxevent SET status = 'applied'", "status"),
        (UserFactory.create, "accounts_user SET is_superuser = true", "is_superuser"),
        (UserFactory.create, "accounts_user SET is_active = false", "is_active"),
        (lambda: Group.objects.create(name="a"), "auth_group SET name = 'b' WHERE name = 'a'", "name"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_sql_slips_past_no_table(make: Any, change: str, recorded: str) -> None:
    row = make()
    run(f"UPDATE {change}")
    assert recorded in changes(entries_about(row)[-1])


def test_groups_and_permissions_given_by_sql_are_on_record_by_name() -> None:
    user, group = UserFactory.create(), Group.objects.get(name="finance")
    permission = Permission.objects.get(codename="refund_purchase")
    run("INSERT INTO accounts_user_groups (user_id, group_id) VALUES (%s, %s)", user.pk, group.pk)
    run("DELETE FROM accounts_user_groups")
    user.user_permissions.add(permission)
    user.user_permissions.clear()

    assert [changes(entry) for entry in entries_about(user)] == [
        {"groups": (None, "finance")},
        {"groups": ("finance", None)},
        {"user_permissions": (None, "refund_purchase")},
        {"user_permissions": ("refund_purchase", None)},
    ]


def test_what_staff_were_not_let_decide_leaves_no_trace_of_the_person() -> None:
    user = UserFactory.create(email="ann@example.com")
    User.objects.filter(pk=user.pk).update(email="other@example.com", first_name="Ann", password="x")

    (entry,) = entries_about(user)
    assert changes(entry) == {"email": (HIDDEN, HIDDEN), "first_name": ("", HIDDEN), "password": ("", HIDDEN)}


def test_a_new_buyer_and_a_sign_in_are_no_acts() -> None:
    user = UserFactory.create()
    run("UPDATE accounts_user SET last_login = now(), claims_issued_at = now(), time_zone = 'Europe/Berlin'")
    assert entries_about(user) == []


def test_a_new_member_of_staff_is_one() -> None:
    user = UserFactory.create(is_staff=True)
    (entry,) = entries_about(user)
    assert (entry.act, (entry.after or {})["is_staff"], (entry.after or {})["email"]) == (
        "created",
        True,
        HIDDEN,
    )


# --- The site's daily work --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("as_web")
def test_what_the_site_does_by_itself_to_a_purchase_stands_in_its_events_alone() -> None:
    purchase = make_purchase()
    Purchase.objects.update(attention="paid_twice")
    assert entries_about(purchase) == []
    with acting(UserFactory.create(is_staff=True)):
        Purchase.objects.update(attention="")
    assert changes(entries_about(purchase)[0]) == {"attention": ("paid_twice", "")}


@pytest.mark.usefixtures("as_web")
def test_a_refund_is_on_record_whoever_makes_it() -> None:
    refund = make_refund(make_purchase(), origin=Refund.Origin.STRIPE)
    assert (entries_about(refund)[0].act, entries_about(refund)[0].program) == ("created", WEB)


@pytest.mark.django_db(transaction=True)
def test_a_context_holds_for_each_statement_of_its_block_and_for_none_after_it() -> None:
    first, second = PackageFactory.create_batch(2)
    staff = UserFactory.create(is_staff=True)
    with acting(staff, "outer"):
        Package.objects.filter(pk=first.pk).update(name="a")
        with acting(cause="inner"):
            Package.objects.filter(pk=first.pk).update(name="100% b")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE packages_package SET name = '100% c' WHERE id = " + str(first.pk))
            cursor.execute(
                "UPDATE packages_package SET name = %(name)s WHERE id = %(pk)s", {"name": "d", "pk": first.pk}
            )
            by_name = [(name, row.pk) for row in (first, second) for name in ("e", "f")]
            cursor.executemany("UPDATE packages_package SET name = %s WHERE id = %s", by_name)
    Package.objects.filter(pk=first.pk).update(name="g")

    acts = [
        (entry.after["name"], entry.cause, entry.actor_id)
        for entry in entries_about(first)[1:]
        if entry.after
    ]
    assert acts == [
        ("a", "outer", staff.pk),
        ("100% b", "inner", staff.pk),
        *[(name, "outer", staff.pk) for name in ("100% c", "d", "e", "f")],
        ("g", "", None),
    ]
    assert [entry.actor_id for entry in entries_about(second)[1:]] == [staff.pk, staff.pk]


def test_what_a_job_changes_is_on_record_under_its_name(sandbox: Sandbox) -> None:
    purchase = make_purchase()
    make_payment(purchase, stripe_payment_intent_id="pi_unknown")
    refund = make_refund(purchase, status="requested")
    jobs.issue_refund.defer(refund_id=str(refund.pk))
    run_worker()

    entry = entries_about(refund)[-1]
    assert changes(entry)["status"] == ("requested", "failed")
    assert (entry.cause, entry.actor_id) == ("job billing.issue_refund", None)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["/app/manage.py", "runserver", "8000"], WEB),
        (["manage.py", "procrastinate", "worker"], WORKER),
        (["manage.py", "run_worker"], WORKER),
        (["manage.py", "reconcile", "--from", "2026-11-01"], "manage.py reconcile"),
        (["manage.py"], "manage.py"),
        (["/srv/fix.py", "--now"], "fix.py"),
        (["/lib/pytest/__main__.py", "-q"], "pytest"),
    ],
)
def test_a_program_is_known_by_its_name(arguments: list[str], name: str) -> None:
    assert program_name(arguments) == name


def test_a_command_says_its_name_at_the_database() -> None:
    asked = (
        "from django.db import connection as c; k = c.cursor(); k.execute('SHOW application_name'); print(*k)"
    )
    command = [sys.executable, "manage.py", "shell", "-c", asked]
    told = subprocess.run(command, capture_output=True, text=True)
    assert "('manage.py shell',)" in told.stdout, told.stderr


# --- The provider, and people themselves ------------------------------------------------------------------------------


def test_roles_that_the_provider_gives_and_takes_are_on_record_as_its() -> None:
    with bound_contextvars(request_id="5f0d", ip="203.0.113.7"):
        user = recognise_person(identify(roles=["finance"]))
        recognise_person(identify(roles=[], at=NOW + 60))

    told = [(changes(entry), entry.cause) for entry in entries_about(user)]
    assert {cause for _change, cause in told} == {"provider_roles"}
    given = [change for change, _cause in told]
    assert given[0]["provider_roles"] == (None, "finance")
    assert given[1:] == [
        {"groups": (None, "finance")},
        {"is_staff": (True, False), "provider_roles": ("finance", "")},
        {"groups": ("finance", None)},
    ]
    assert {(entry.request_id, entry.address) for entry in entries_about(user)} == {("5f0d", "203.0.113.7")}


def test_members_of_a_team_are_on_record_with_who_changed_them() -> None:
    people = make_people()
    membership.set_cap(people.admin, people.team.pk, people.member.pk, monthly(5))
    entry = latest("teams.membership")
    assert (entry.actor_id, entry.cause, changes(entry)["cap"]) == (people.admin.pk, "set_cap", (None, 5))
