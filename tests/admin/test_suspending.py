"""A suspended user is out at once and stays out until restored; only who may do it can, and to whom they may."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.audit.models import AuditEntry
from accounts.errors import UserErased
from accounts.models import User
from accounts.suspension import restore_user, suspend_user
from billing.privacy.erasure import erase_user
from tests.admin.pages import button_of, history_of, messages_after, page_of, press, read
from tests.support.builders import UserFactory
from tests.support.signing_in import allow, sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada() -> User:
    user: User = UserFactory.create(username="ada")
    return user


@pytest.fixture
def as_support(clerk: User) -> Client:
    return allow(clerk, "suspend_user")


def signs_in(client: Client) -> bool:
    return client.get("/credits/").status_code == 200


def test_a_suspended_user_is_out_until_restored_and_old_sessions_stay_ended(
    ada: User, as_support: Client
) -> None:
    as_ada, as_other = sign_in(ada), sign_in(UserFactory.create())
    assert button_of(ada, "restore") not in read(as_support, page_of(ada))

    assert messages_after(press(as_support, ada, "suspend")) == ["Suspended."]
    assert not signs_in(as_ada)
    assert signs_in(as_other)
    assert button_of(ada, "suspend") not in read(as_support, page_of(ada))

    press(as_support, ada, "restore")
    assert not signs_in(as_ada)
    assert signs_in(sign_in(ada))
    assert history_of(ada) == [("carl", "Suspended"), ("carl", "Restored")]
    changes = AuditEntry.objects.filter(kind="accounts.user", object_id=ada.pk).order_by("id")
    assert [entry.after for entry in changes] == [{"is_active": False}, {"is_active": True}]


def test_only_who_may_suspends_and_nobody_themselves_or_staff(
    ada: User, superuser: User, as_support: Client
) -> None:
    clerk = User.objects.get(username="carl")
    assert press(sign_in(UserFactory.create(is_staff=True)), ada, "suspend").status_code == 403
    for protected in (clerk, superuser, UserFactory.create(is_staff=True)):
        assert press(as_support, protected, "suspend").status_code == 403
    assert press(sign_in(superuser), superuser, "suspend").status_code == 403
    assert press(sign_in(superuser), clerk, "suspend").status_code == 302
    assert list(User.objects.filter(is_active=False)) == [clerk]


def test_an_erased_user_is_neither_suspended_nor_restored(ada: User, superuser: User) -> None:
    erase_user(ada.pk)
    for change in (suspend_user, restore_user):
        with pytest.raises(UserErased):
            change(ada.pk)
    assert messages_after(press(sign_in(superuser), ada, "restore")) == ["This account no longer exists."]
    assert not User.objects.get(pk=ada.pk).is_active
    assert Session.objects.count() == 1
