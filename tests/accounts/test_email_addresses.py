"""An address has one form, the same in Python and in the database, and each row's key is that of its address."""

from __future__ import annotations

import sys
import unicodedata
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from accounts.email_addresses import email_key, holders_of, is_same_address, people_with
from accounts.models import User
from accounts.normal_form import IN_SQL, normal_form
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db

# Each two are one to PostgreSQL's UPPER(), to Unicode's case folding or to both.
LOOKALIKES = [
    ("mike@example.com", "mıke@example.com"),
    ("sue@example.com", "ſue@example.com"),
    ("strasse@example.com", "straße@example.com"),
    ("érica@example.com", "Érica@example.com"),
    ("σ@example.com", "ς@example.com"),
]
SAME = [
    ("Ada@Example.COM", "ada@example.com"),
    ("zoe\u0308@example.com", "zoë@example.com"),
    ("ZOE\u0308@example.com", "zoË@example.com"),
    ("\u212aim@example.com", "Kim@example.com"),  # the sign of kelvin is canonically a K
]


def test_python_and_the_database_have_one_form_of_every_character() -> None:
    """Of those that both know: characters of a newer Unicode than Python's are not assigned to it."""
    known = [
        chr(code)
        for code in range(1, sys.maxunicode + 1)
        if unicodedata.category(chr(code)) not in {"Cs", "Cn"}
    ]
    with connection.cursor() as cursor:
        form = IN_SQL % {"expressions": "c"}
        cursor.execute(f"SELECT c, {form} FROM unnest(%s::text[]) AS c WHERE {form} <> c", [known])
        theirs = dict(cursor.fetchall())
    assert theirs == {char: normal_form(char) for char in known if normal_form(char) != char}
    assert len(theirs) > 1000


@pytest.mark.parametrize(("one", "other"), LOOKALIKES)
def test_whoever_has_a_lookalike_address_is_somebody_else(one: str, other: str) -> None:
    first, second = UserFactory.create(email=one), UserFactory.create(email=other)
    assert list(people_with(one)) == [first]
    assert list(people_with(other)) == [second]
    assert not is_same_address(one, other)
    assert {key: (found.count, found.one) for key, found in holders_of([one, other]).items()} == {
        email_key(one): (1, first.pk),
        email_key(other): (1, second.pk),
    }


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_address_written_in_two_ways_is_one(one: str, other: str) -> None:
    person = UserFactory.create(email=one)
    assert list(people_with(f" {other}\n")) == [person]
    assert is_same_address(one, other)


def test_no_address_is_nobodys() -> None:
    UserFactory.create(email="")
    for nothing in ("", " ", "\n"):
        assert not people_with(nothing).exists()
        assert not is_same_address(nothing, "")
        assert holders_of([nothing]) == {}


def test_an_address_of_several_has_them_all() -> None:
    UserFactory.create(email="Twice@example.com")
    UserFactory.create(email="twice@example.com")
    assert people_with("TWICE@example.com").count() == 2
    assert holders_of(["twice@example.com"])["twice@example.com"].count == 2


# --- The column -----------------------------------------------------------------------------------------------------


def by_update(user: User) -> None:
    User.objects.filter(pk=user.pk).update(email="New@Example.com")


def by_save(user: User) -> None:
    user.email = "New@Example.com"
    user.save()


def by_sql(user: User) -> None:
    run("UPDATE accounts_user SET email = 'New@Example.com' WHERE id = %s", user.pk)


def with_another_key(user: User) -> None:
    run("UPDATE accounts_user SET email = 'New@Example.com', email_key = 'x' WHERE id = %s", user.pk)


def run(statement: str, *arguments: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)


@pytest.mark.parametrize("write", [by_update, by_save, by_sql, with_another_key])
def test_the_key_follows_the_address_whoever_writes_it(write: Any) -> None:
    user = UserFactory.create(email="old@example.com")
    write(user)
    assert User.objects.get(pk=user.pk).email_key == "new@example.com"


def test_the_database_refuses_a_key_of_another_address_also_past_its_trigger() -> None:
    user = UserFactory.create()
    run("SET LOCAL session_replication_role = replica")
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        run("UPDATE accounts_user SET email_key = 'x' WHERE id = %s", user.pk)
    cause = refused.value.__cause__
    assert isinstance(cause, psycopg.Error)
    assert cause.diag.constraint_name == "accounts_user_email_key_is_its_emails"
