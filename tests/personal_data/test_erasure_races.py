"""Whoever is at work for a person while they are erased: one of the two waits, and sees what the other did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from threading import Event, Thread
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections, transaction

from accounts.audit import recording
from accounts.errors import ErasureBlocked, UserErased
from accounts.models import User
from accounts.notes.models import Note
from accounts.notes.writing import write_note
from accounts.presence import keep_from_erasure
from accounts.privacy.registry import registered
from accounts.teams import invitations
from accounts.teams.membership import create_team
from accounts.teams.models import Membership, Role
from billing.privacy import erasure
from billing.privacy.erasure import erase_user
from billing.purchases.models import Purchase
from credits.gifts import giving as gifts
from credits.gifts.models import Gift
from credits.ledger import operations as ledger
from credits.ledger.models import Entry
from tests.support.builders import UserFactory, start
from tests.support.racing import at_once
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person(sandbox: Sandbox) -> User:
    sandbox.hold_webhooks()
    user: User = UserFactory.create(username="zeno", email="zeno@example.net")
    return user


@contextmanager
def erasing(person: User, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An erasure that has done everything and not committed yet, until the block ends."""
    reached, go_on = Event(), Event()
    do = recording.record_act

    def wait_before_the_end(*args: Any) -> None:
        do(*args)
        reached.set()
        go_on.wait(20)

    monkeypatch.setattr(erasure, "record_act", wait_before_the_end)
    thread = Thread(target=alone, args=[lambda: erase_user(person.pk)])
    thread.start()
    assert reached.wait(20)
    try:
        yield
    finally:
        go_on.set()
        thread.join(20)


def alone(act: Callable[[], object]) -> None:
    """In a thread, whose connection is closed after it."""
    try:
        act()
    finally:
        connections.close_all()


def waits_for_the_erasure(
    person: User, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]
) -> list[BaseException]:
    """What the act raises that begins while the person is being erased."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test looks at it
            raised.append(error)

    with erasing(person, monkeypatch):
        actor = Thread(target=alone, args=[run])
        actor.start()
        wait_until_somebody_waits()
    actor.join(20)
    return raised


def wait_until_somebody_waits() -> None:
    """Until a connection waits for a lock of another, as PostgreSQL tells."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    for _attempt in range(400):
        with connection.cursor() as cursor:
            cursor.execute(query)
            if cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.02)")
    raise AssertionError("nobody waited")


def test_a_purchase_begun_meanwhile_is_refused(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    raised = waits_for_the_erasure(person, monkeypatch, lambda: start(person, "starter"))
    assert [type(error) for error in raised] == [UserErased]
    assert not Purchase.objects.exists()


def test_without_the_lock_a_purchase_of_an_erased_person_would_begin(
    person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of the test above."""
    monkeypatch.setattr("billing.checkout.starting.keep_from_erasure", lambda *_ids: None)
    raised = waits_for_the_erasure(person, monkeypatch, lambda: start(person, "starter"))
    assert raised == []
    assert Purchase.objects.filter(user__erased_at__isnull=False).exists()


def test_a_gift_made_meanwhile_is_refused(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    friend = UserFactory.create()
    account = ledger.open_account(friend)
    ledger.grant(account.pk, Decimal(50), kind=Entry.Kind.PURCHASE, key="bought")
    raised = waits_for_the_erasure(
        person, monkeypatch, lambda: gifts.give(friend, person, Decimal(5), "Dear Zeno", "key")
    )
    assert [type(error) for error in raised] == [UserErased]
    assert not Gift.objects.exists()


def test_a_note_written_meanwhile_is_refused(
    person: User, clerk: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised = waits_for_the_erasure(
        person, monkeypatch, lambda: write_note(person, clerk, "Zeno called", uuid4())
    )
    assert [type(error) for error in raised] == [UserErased]
    assert not Note.objects.exists()


def test_a_team_joined_meanwhile_stays_without_them(person: User, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = UserFactory.create()
    team = create_team(owner, "Crew")
    invitation = invitations.invite(owner, team.pk, "other@example.com", Role.MEMBER)
    token = invitations.token_of(invitation.pk)
    raised = waits_for_the_erasure(person, monkeypatch, lambda: invitations.accept(person, token))
    assert [type(error) for error in raised] == [UserErased]
    assert list(Membership.objects.values_list("user", flat=True)) == [owner.pk]


def test_an_erasure_waits_for_a_purchase_that_is_being_begun(person: User) -> None:
    began, go_on, refused = Event(), Event(), []

    def buy() -> None:
        with transaction.atomic():
            keep_from_erasure(person.pk)
            began.set()
            go_on.wait(20)
            Purchase.objects.create(
                user=person,
                account=ledger.open_account(person),
                package_code="starter",
                package_name="Starter",
                credits=1,
                price_minor=1,
                list_price_minor=1,
                currency="usd",
                discount_percentage=0,
            )

    def erase() -> None:
        try:
            erase_user(person.pk)
        except ErasureBlocked as error:
            refused.append(error.params["obstacles"])

    buyer, eraser = Thread(target=alone, args=[buy]), Thread(target=alone, args=[erase])
    buyer.start()
    assert began.wait(20)
    eraser.start()
    wait_until_somebody_waits()
    go_on.set()
    buyer.join(20)
    eraser.join(20)
    assert refused == [["purchases_open"]]


def test_of_two_erasures_at_once_the_second_finds_it_done(person: User) -> None:
    first, second = at_once(lambda: erase_user(person.pk), lambda: erase_user(person.pk))
    assert {first.repeated, second.repeated} == {True, False}


@pytest.mark.parametrize("crashing", ["CreditsData", "TeamsData", "UserData"])
def test_a_crash_in_the_middle_leaves_everything_as_it_was(
    person: User, monkeypatch: pytest.MonkeyPatch, crashing: str
) -> None:
    (part,) = [each for each in registered() if type(each).__name__ == crashing]
    account = ledger.open_account(person)
    ledger.grant(account.pk, Decimal(50), kind=Entry.Kind.PURCHASE, key="bought")
    do = part.erase

    def crash(*args: Any) -> None:
        do(*args)
        raise MemoryError

    monkeypatch.setattr(part, "erase", crash)
    with pytest.raises(MemoryError):
        erase_user(person.pk, forfeit=True)
    again = User.objects.get(pk=person.pk)
    assert (again.email, again.erased_at, again.is_active) == ("zeno@example.net", None, True)
    assert Entry.objects.filter(account=account).count() == 1
