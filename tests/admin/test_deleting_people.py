"""Whoever has books or a team is erased and not deleted, from wherever deleting is tried."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from accounts.teams.membership import create_team
from credits.ledger import operations as ledger
from tests.admin.pages import list_of, messages_after, page_of, read
from tests.admin.rows import make_purchase
from tests.support.builders import UserFactory
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db

INSTEAD = "Use Erase on their pages instead."
HAVE: dict[str, Callable[[User], object]] = {
    "an account": ledger.open_account,
    "purchases": lambda user: make_purchase(user=user),
    "a team": lambda user: create_team(user, "Crew"),
}


def chosen(*people: User) -> dict[str, object]:
    return {"action": "delete_selected", "_selected_action": [str(one.pk) for one in people], "post": "yes"}


@pytest.mark.parametrize("what", HAVE)
def test_whoever_has_something_is_erased_instead(as_superuser: Client, what: str) -> None:
    user: User = UserFactory.create()
    HAVE[what](user)
    delete = page_of(user, "delete")

    page = read(as_superuser, page_of(user))
    assert delete not in page
    assert "they can’t be deleted" in page
    assert f"{page_of(user).removesuffix('change/')}erase" in page
    for answer in (as_superuser.get(delete), as_superuser.post(delete, {"post": "yes"})):
        assert answer["Location"] == page_of(user)
        assert INSTEAD in messages_after(answer)[-1]
    answer = as_superuser.post(list_of(User), chosen(UserFactory.create(), user))
    assert user.username in messages_after(answer)[-1]
    assert INSTEAD in messages_after(answer)[-1]
    assert User.objects.count() == 3


def test_whoever_was_made_by_mistake_is_deleted(as_superuser: Client) -> None:
    one, two = UserFactory.create(), UserFactory.create()
    page = read(as_superuser, page_of(one))
    assert page_of(one, "delete") in page
    assert "can’t be deleted" not in page
    assert as_superuser.post(page_of(one, "delete"), {"post": "yes"}).status_code == 302
    assert as_superuser.post(list_of(User), chosen(two)).status_code == 302
    assert User.objects.count() == 1


def test_who_may_not_erase_is_told_who_may(clerk: User) -> None:
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["delete_user", "change_user"]))
    user: User = UserFactory.create()
    ledger.open_account(user)
    page = read(sign_in(clerk), page_of(user))
    assert re.search("Someone with permission to erase users", page)
    assert sign_in(clerk).post(page_of(user, "delete"), {"post": "yes"}).status_code == 302
    assert User.objects.filter(pk=user.pk).exists()


def test_deleting_something_else_never_takes_a_person_along() -> None:
    points_at = [field.name for field in User._meta.concrete_fields if field.is_relation]
    assert points_at == []  # so no cascade leads to a person
