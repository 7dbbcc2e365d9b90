"""Who comes in: buyers and strangers don't, staff look at everything, and the older addresses lead to the shop."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, Permission
from django.db.models import Model
from django.test import Client
from django.urls import NoReverseMatch, reverse

from accounts.audit.models import AuditEntry
from accounts.models import User
from tests.admin.pages import add_to, list_of, page_of, read
from tests.admin.rows import Books
from tests.support.builders import UserFactory
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db

REGISTERED: list[type[Model]] = list(admin.site._registry)
FOR_EVERYBODY = [
    model for model in REGISTERED if model is not AuditEntry
]  # whom the audit is for says tests/audit


@pytest.fixture
def as_buyer(db: None) -> Client:
    return sign_in(UserFactory.create())


@pytest.mark.parametrize("who", ["stranger", "buyer"])
def test_a_stranger_and_a_buyer_are_sent_to_sign_in(who: str, as_buyer: Client, books: Books) -> None:
    client = as_buyer if who == "buyer" else Client()
    urls = [reverse("admin:index"), *map(list_of, REGISTERED), page_of(books.purchase)]

    for url in urls:
        for answer in (client.get(url), client.post(url)):
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith("/admin/login/"), url
    assert client.get(urls[0], follow=True).redirect_chain[-1][0] == "/accounts/login/?next=%2Fadmin%2F"


@pytest.mark.parametrize("model", FOR_EVERYBODY, ids=lambda model: model._meta.label)
def test_staff_see_every_list_and_can_add_nothing(model: type[Model], as_clerk: Client) -> None:
    page = read(as_clerk, list_of(model))

    assert add_to(model) not in page
    assert 'name="action"' not in page
    assert as_clerk.get(add_to(model)).status_code == 403
    assert as_clerk.post(add_to(model), {}).status_code == 403
    assert as_clerk.post(list_of(model), {"action": "delete_selected", "post": "yes"}).status_code == 403


def test_the_sidebar_leads_to_every_list(as_superuser: Client) -> None:
    page = read(as_superuser, reverse("admin:index"))

    for model in REGISTERED:
        assert f'href="{list_of(model)}"' in page, model


@pytest.mark.parametrize("model", ["apikey", "webhookendpoint", "webhookeventtrigger"])
def test_stripes_secrets_have_no_page(model: str, as_superuser: Client) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(f"admin:djstripe_{model}_changelist")
    assert as_superuser.get(f"/admin/djstripe/{model}/").status_code == 404


# --- The older addresses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["stranger", "buyer", "staff"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/admin/credits", "/credits/"),
        ("/admin/credits/purchase", "/credits/"),
        ("/admin/credits/purchase/", "/credits/"),
        ("/admin/credits/history", "/credits/history/"),
        ("/admin/credits/history/", "/credits/history/"),
        ("/admin/credits/history?status=failed", "/credits/history/?status=failed"),
    ],
)
def test_an_older_address_leads_to_the_buyers_page(
    old: str, new: str, who: str, as_buyer: Client, as_clerk: Client
) -> None:
    client = {"stranger": Client(), "buyer": as_buyer, "staff": as_clerk}[who]

    answer = client.get(old)

    assert (answer.status_code, answer.headers["Location"]) == (302, new)


def test_the_ledgers_index_is_for_staff_and_the_shop_for_all_others(
    as_clerk: Client, as_buyer: Client
) -> None:
    page = read(as_clerk, "/admin/credits/")
    for name in ("account", "lot", "entry"):
        assert f'href="/admin/credits/{name}/"' in page

    for client in (as_buyer, Client()):
        answer = client.get("/admin/credits/")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/credits/")


# --- People ------------------------------------------------------------------------------------------------------


def test_staff_see_people_and_not_their_password(as_clerk: Client) -> None:
    user = User.objects.create_user("ben", password="a-long-password")

    page = read(as_clerk, page_of(user))

    assert "ben" in page
    assert user.password not in page
    assert "md5" not in page
    assert as_clerk.post(page_of(user), {"username": "eve"}).status_code == 403
    assert as_clerk.post(page_of(user, "delete"), {"post": "yes"}).status_code == 403


def test_who_did_something_here_is_not_deleted_with_the_record_of_it(
    as_superuser: Client, clerk: User, books: Books
) -> None:
    LogEntry.objects.log_actions(clerk.pk, [books.purchase], CHANGE, "Re-checked payment")
    chosen = {"action": "delete_selected", "_selected_action": [str(clerk.pk)], "post": "yes"}

    assert as_superuser.post(page_of(clerk, "delete"), {"post": "yes"}).status_code == 403
    as_superuser.post(list_of(User), chosen)
    assert LogEntry.objects.filter(user=clerk).exists()


def test_nobody_gives_themselves_rights_through_their_group(clerk: User) -> None:
    support = Group.objects.create(name="helpers")
    clerk.groups.add(support)
    clerk.user_permissions.set(Permission.objects.filter(content_type__app_label__in=["auth", "accounts"]))
    client = sign_in(clerk)

    refused = [
        client.post(page_of(support), {"name": "support"}),
        client.post(add_to(Group), {"name": "new"}),
        client.post(page_of(support, "delete"), {"post": "yes"}),
    ]
    assert [answer.status_code for answer in refused] == [403, 403, 403]


def test_staff_who_may_delete_people_cannot_delete_a_superuser(clerk: User, superuser: User) -> None:
    clerk.user_permissions.set(Permission.objects.filter(content_type__app_label="accounts"))

    assert sign_in(clerk).post(page_of(superuser, "delete"), {"post": "yes"}).status_code == 403
    assert User.objects.filter(pk=superuser.pk).exists()


# --- The policy --------------------------------------------------------------------------------------------------


def test_the_looser_policy_is_the_admins_alone(as_clerk: Client) -> None:
    def scripts(url: str) -> str:
        policy = as_clerk.get(url).headers["Content-Security-Policy"]
        return next(part for part in policy.split("; ") if part.startswith("script-src"))

    assert scripts("/admin/") == "script-src 'self' 'unsafe-inline' 'unsafe-eval'"
    assert scripts("/credits/") == "script-src 'self'"
    assert "object-src" not in as_clerk.get("/admin/").headers["Content-Security-Policy"]
