"""Notes about customers are added by staff, once, stay as they are, and go with the user."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts.audit.models import AuditEntry
from accounts.errors import UserErased
from accounts.models import User
from accounts.notes.errors import InvalidNote
from accounts.notes.models import LONGEST_NOTE, Note
from accounts.notes.writing import write_note
from accounts.teams.membership import create_team
from billing.privacy.erasure import erase_user, must_be_erased
from tests.support.builders import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada() -> User:
    user: User = UserFactory.create(username="ada", first_name="Ada", last_name="Lovelace")
    return user


@pytest.fixture
def note(ada: User, clerk: User) -> Note:
    return write_note(ada, clerk, "  Wants an invoice by post.  ", uuid4())


def test_a_second_click_writes_nothing(ada: User, clerk: User, note: Note) -> None:
    assert write_note(ada, clerk, note.text, note.key) == note
    assert list(Note.objects.values_list("text", "author_id")) == [("Wants an invoice by post.", clerk.pk)]


def test_an_empty_note_and_one_that_is_too_long_are_refused(ada: User, clerk: User) -> None:
    for text in ("", " \n ", "x" * (LONGEST_NOTE + 1)):
        with pytest.raises(InvalidNote):
            write_note(ada, clerk, text, uuid4())
    assert write_note(ada, clerk, "x" * LONGEST_NOTE, uuid4()).text == "x" * LONGEST_NOTE


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE notes_note SET text = 'something else'",
        "UPDATE notes_note SET author_id = gen_random_uuid()",
        "UPDATE notes_note SET created_at = now() - interval '1 day'",
        "DELETE FROM notes_note",
        "TRUNCATE notes_note",
        "INSERT INTO notes_note (user_id, text, key, author_id)"
        " SELECT user_id, '', gen_random_uuid(), author_id FROM notes_note",
    ],
)
def test_sql_changes_no_note(note: Note, change: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)
    assert Note.objects.get().text == "Wants an invoice by post."


def test_a_note_is_about_a_user_or_a_team(ada: User) -> None:
    for holder in ({}, {"user": ada, "team": create_team(ada, "Engines")}):
        with pytest.raises(IntegrityError, match="note_is_about_a_user_or_a_team"), transaction.atomic():
            Note.objects.create(text="x", key=uuid4(), author_id=ada.pk, **holder)


def test_the_audit_says_who_wrote_one_but_not_what(note: Note, clerk: User) -> None:
    entry = AuditEntry.objects.get(kind="notes.note")
    assert entry.after is not None
    assert (entry.act, entry.after["author_id"]) == ("created", str(clerk.pk))
    assert "invoice" not in str(vars(entry))


def test_notes_go_with_the_user_and_hold_up_a_deletion(ada: User, clerk: User, note: Note) -> None:
    grace = UserFactory.create()
    team, alone = create_team(grace, "Engines"), create_team(ada, "Alone")
    team.memberships.create(user=ada)
    write_note(team, clerk, "Lovely people.", uuid4())
    write_note(team, clerk, "ADA LOVELACE pays.", uuid4())
    write_note(alone, clerk, "Her own.", uuid4())
    write_note(grace, clerk, "Knows Ada Lovelace.", uuid4())

    assert must_be_erased(ada)
    erase_user(ada.pk)

    kept = {"Lovely people.", "Knows Ada Lovelace."}
    assert set(Note.objects.exclude(text="").values_list("text", flat=True)) == kept
    assert Note.objects.count() == 5
    with pytest.raises(UserErased):
        write_note(User.objects.get(pk=ada.pk), clerk, "Too late.", uuid4())
