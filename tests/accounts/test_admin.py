"""People in the admin: what the provider decides is shown, not edited."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.django_db
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def managed() -> User:
    return User.objects.create_user("ann", "ann@example.com", oidc_sub="sub-of-ann")


@pytest.fixture
def made_by_hand() -> User:
    return User.objects.create_user("ben", "ben@example.com", "a-long-password")


@pytest.fixture
def root(client: Client) -> User:
    user = User.objects.create_superuser("root")
    client.force_login(user, BACKEND)
    return user


def read_form(client: Client, user: User) -> str:
    answer = client.get(f"/admin/accounts/user/{user.pk}/change/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_what_the_provider_decides_is_not_edited(client: Client, root: User, managed: User) -> None:
    form = read_form(client, managed)

    for name in ("username", "email", "first_name", "is_staff", "is_superuser", "password"):
        assert f'name="{name}"' not in form
    assert 'name="is_active"' in form
    assert "sub-of-ann" in form
    assert "/password/" not in form


def test_a_user_made_by_hand_is_edited_in_full(client: Client, root: User, made_by_hand: User) -> None:
    form = read_form(client, made_by_hand)

    for name in ("username", "email", "is_staff", "is_superuser", "is_active"):
        assert f'name="{name}"' in form


def test_the_providers_people_get_no_password(
    client: Client, root: User, managed: User, made_by_hand: User
) -> None:
    assert client.get(f"/admin/accounts/user/{managed.pk}/password/").status_code == 403
    assert client.get(f"/admin/accounts/user/{made_by_hand.pk}/password/").status_code == 200


def test_switching_off_is_possible_for_everyone(client: Client, root: User, managed: User) -> None:
    answer = client.post(f"/admin/accounts/user/{managed.pk}/change/", {})

    assert answer.status_code == 302
    managed.refresh_from_db()
    assert (managed.is_active, managed.email, managed.oidc_sub) == (False, "ann@example.com", "sub-of-ann")


def test_the_list_is_searched_and_filtered(
    client: Client, root: User, managed: User, made_by_hand: User
) -> None:
    for query, found, missing in [
        ("q=ann@example", "ann@example.com", "ben@example.com"),
        ("q=sub-of-ann", "ann@example.com", "ben@example.com"),
        ("signs_in_with=password", "ben@example.com", "ann@example.com"),
        ("signs_in_with=provider", "ann@example.com", "ben@example.com"),
    ]:
        page = client.get(f"/admin/accounts/user/?{query}").content.decode()
        assert found in page
        assert missing not in page


def test_only_superusers_hand_out_rights_or_touch_superusers(client: Client, made_by_hand: User) -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=["change_user", "view_user"]))
    boss = User.objects.create_superuser("boss", password="a-long-password")
    client.force_login(clerk, BACKEND)

    form = read_form(client, made_by_hand)
    for name in ("is_staff", "is_superuser", "groups", "user_permissions"):
        assert f'name="{name}"' not in form
    assert client.get(f"/admin/accounts/user/{boss.pk}/password/").status_code == 403


def test_adding_a_user_works(client: Client, root: User) -> None:
    page = client.get("/admin/accounts/user/add/")
    assert page.status_code == 200

    fields = {"username": "new", "password1": "a-long-password", "password2": "a-long-password"}
    answer = client.post("/admin/accounts/user/add/", {**fields, "usable_password": "true"})
    assert answer.status_code == 302
    assert User.objects.get(username="new").check_password("a-long-password")
