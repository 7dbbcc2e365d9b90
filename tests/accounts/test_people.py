"""From claims to a user: names that clash, first requests at one moment, news out of order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection
from pytest_django import DjangoAssertNumQueries, Settings

from accounts import people
from accounts.errors import AccountDisabledError
from accounts.models import User
from accounts.people import Identity, read_roles, recognise_person
from tests.accounts.identities import NOW, identify


@pytest.mark.django_db
def test_a_name_that_is_taken_gets_a_suffix_of_its_own() -> None:
    User.objects.create_user("ann")
    one, two = recognise_person(identify("one")), recognise_person(identify("two"))

    assert len({"ann", one.username, two.username}) == 3
    assert one.username.startswith("ann-")
    assert recognise_person(identify("one")).pk == one.pk


@pytest.mark.django_db
def test_a_person_without_a_name_gets_one() -> None:
    assert recognise_person(identify(preferred_username=None)).username.startswith("person-")


@pytest.mark.django_db
def test_claims_of_any_shape_end_in_what_the_database_takes() -> None:
    user = recognise_person(
        identify(
            preferred_username="n\x00ul",
            email="x" * 300,
            email_verified=True,
            given_name=7,
            family_name=["no"],
        )
    )

    assert (user.username, user.email, user.first_name, user.last_name) == ("nul", "", "", "")


@pytest.mark.django_db
def test_a_known_person_with_nothing_new_is_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    recognise_person(identify())
    with django_assert_num_queries(1):
        recognise_person(identify(at=NOW + 60))


@pytest.mark.django_db
def test_an_older_token_does_not_bring_a_withdrawn_role_back() -> None:
    recognise_person(identify(roles=["admin"], at=NOW))
    recognise_person(identify(roles=[], at=NOW + 60))
    user = recognise_person(identify(roles=["admin"], at=NOW + 30))

    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser) == (False, False)


@pytest.mark.django_db
def test_signing_in_counts_as_news_even_when_nothing_changed() -> None:
    recognise_person(identify(at=NOW), signing_in=True)
    recognise_person(identify(at=NOW + 60), signing_in=True)
    recognise_person(identify(roles=["admin"], at=NOW + 30))

    assert User.objects.get().is_staff is False


@pytest.mark.django_db
def test_missing_roles_are_no_roles() -> None:
    recognise_person(identify(roles=["admin"], at=NOW))
    without = Identity.from_claims({"sub": "one", "iat": NOW + 1})
    user = recognise_person(without)

    assert (user.is_staff, user.is_superuser) == (False, False)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({}, "realm_access is missing"),
        ({"realm_access": {"groups": []}}, "realm_access.roles is missing"),
        ({"realm_access": ["admin"]}, "realm_access is not an object"),
        ({"realm_access": {"roles": "admin"}}, "realm_access.roles is not a list"),
        ({"realm_access": {"roles": [{"name": "admin"}]}}, "realm_access.roles contains an invalid name"),
    ],
)
def test_rights_are_never_lost_without_a_word_in_the_log(
    caplog: pytest.LogCaptureFixture, claims: dict[str, Any], why: str
) -> None:
    recognise_person(identify(roles=["admin"], at=NOW))
    assert "provider_named_no_roles" not in caplog.text
    recognise_person(Identity.from_claims({"sub": "one", "iat": NOW + 1, **claims}))

    (told,) = [record for record in caplog.records if "provider_named_no_roles" in str(record.msg)]
    assert (told.levelname, why in str(told.msg)) == ("WARNING", True)

    caplog.clear()
    recognise_person(identify(roles=[], at=NOW + 2), signing_in=True)
    assert "provider_named_no_roles" not in caplog.text


@pytest.mark.django_db
def test_a_disabled_person_is_refused_and_stays_as_they_were() -> None:
    recognise_person(identify(email="old@example.com", email_verified=True))
    User.objects.update(is_active=False)

    with pytest.raises(AccountDisabledError):
        recognise_person(identify(email="new@example.com", email_verified=True, roles=["admin"], at=NOW + 1))
    assert User.objects.get().email == "old@example.com"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({"realm_access": {"roles": ["a", 7, "b"]}}, ["a", "b"]),
        ({"realm_access": {"roles": "admin"}}, None),
        ({"realm_access": ["admin"]}, None),
        ({"realm_access": None}, None),
        ({}, None),
    ],
)
def test_roles_are_a_list_of_words_or_nothing(claims: dict[str, Any], expected: list[str] | None) -> None:
    assert read_roles(claims) == expected


def test_the_roles_claim_may_be_a_name_with_dots(settings: Settings) -> None:
    settings.OIDC_ROLES_CLAIM = "https://example.com/roles"

    assert read_roles({"https://example.com/roles": ["staff"]}) == ["staff"]


def meet_before_creating(monkeypatch: pytest.MonkeyPatch, parties: int) -> None:
    """Nobody goes on from the first look for a user until all have looked, and found none."""
    barrier = threading.Barrier(parties, timeout=10)
    seen = threading.local()
    find = people._find_user

    def look(sub: str) -> User | None:
        user = find(sub)
        if not getattr(seen, "looked", False):
            seen.looked = True
            barrier.wait()
        return user

    monkeypatch.setattr(people, "_find_user", look)


def run_together(count: int, action: Callable[[], User]) -> list[User | Exception]:
    def run(_: int) -> User | Exception:
        try:
            return action()
        except IntegrityError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


@pytest.mark.django_db(transaction=True)
def test_first_sign_ins_at_the_same_moment_end_as_one_user(monkeypatch: pytest.MonkeyPatch) -> None:
    meet_before_creating(monkeypatch, 4)
    users = run_together(4, lambda: recognise_person(identify()))

    assert User.objects.count() == 1
    assert {user.pk for user in users if isinstance(user, User)} == {User.objects.get().pk}
    assert not [user for user in users if isinstance(user, Exception)]


@pytest.mark.django_db(transaction=True)
def test_the_race_is_real(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: whoever only looks and then creates breaks in the same interleaving."""
    meet_before_creating(monkeypatch, 2)

    def look_then_create() -> User:
        return people._find_user("one") or User.objects.create_user("ann", oidc_sub="one")

    outcomes = run_together(2, look_then_create)
    assert len([outcome for outcome in outcomes if isinstance(outcome, IntegrityError)]) == 1


@pytest.mark.django_db
def test_the_database_itself_holds_one_user_per_subject() -> None:
    User.objects.create_user("a", oidc_sub="one")
    other = User.objects.create_user("b", oidc_sub="two")

    with pytest.raises(IntegrityError):
        User.objects.filter(pk=other.pk).update(oidc_sub="one")


# --- Roles of the back office


def groups_of(user: User) -> set[str]:
    return set(User.objects.get(pk=user.pk).groups.values_list("name", flat=True))


@pytest.mark.django_db
def test_a_role_of_the_provider_is_a_group_here_and_makes_staff() -> None:
    user = recognise_person(identify(roles=["support", "unheard of"]))
    assert (user.is_staff, user.is_superuser, groups_of(user)) == (True, False, {"support"})


@pytest.mark.django_db
def test_a_group_follows_the_provider_and_leaves_those_made_here_alone() -> None:
    user = recognise_person(identify(roles=["support", "finance"]))
    user.groups.add(Group.objects.create(name="interns"))
    recognise_person(identify(at=NOW + 1, roles=["finance"]))
    assert groups_of(user) == {"finance", "interns"}
    recognise_person(identify(at=NOW + 2))
    assert groups_of(user) == {"interns"}
    assert not User.objects.get(pk=user.pk).is_staff


@pytest.mark.django_db
def test_old_news_brings_no_role_back() -> None:
    user = recognise_person(identify(at=NOW, roles=[]))
    recognise_person(identify(at=NOW - 60, roles=["finance"]))
    assert groups_of(user) == set()


@pytest.mark.django_db
def test_a_request_of_somebody_with_a_role_asks_no_more_than_any_other(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    recognise_person(identify(roles=["support"]))
    with django_assert_num_queries(1):
        recognise_person(identify(at=NOW + 1, roles=["support"]))
