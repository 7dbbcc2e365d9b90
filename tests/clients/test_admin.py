"""Clients and keys in the back office: a key is shown once and stored nowhere, and only whom it concerns may act."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.contrib.sessions.models import Session
from django.test import Client as Http
from django.utils import timezone

from accounts.clients.api_keys import NewKey, revoke_key
from accounts.clients.authentication import authenticate_client
from accounts.clients.errors import ApiKeyRevoked, ClientDisabled
from accounts.clients.models import ApiClient, ApiKey
from accounts.models import User
from tests.admin.pages import add_to, button_of, history_of, list_of, messages_after, page_of, press, read
from tests.support.signing_in import sign_in

pytestmark = pytest.mark.django_db

CREATE, REVOKE = "create_key", "revoke"
SECRET = re.compile(r"pck_[0-9a-f]{12}_[0-9a-f]{64}")


def create(client: Http, service: ApiClient, htmx: bool = False, **fields: Any) -> Any:
    """Fills in the dialog and presses Create."""
    wanted = {"_form_submitted": "True", "name": "production", **fields}
    headers = {"HX-Request": "true"} if htmx else None
    return client.post(button_of(service, CREATE), wanted, headers=headers)


@pytest.mark.parametrize("htmx", [False, True])
def test_a_new_key_is_shown_once_and_works(as_superuser: Http, service: ApiClient, htmx: bool) -> None:
    answer = create(as_superuser, service, htmx)
    secret = SECRET.findall(answer.content.decode())[0]

    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert authenticate_client(f"Bearer {secret}").id == service.pk
    for url in (
        page_of(service),
        list_of(ApiKey),
        page_of(ApiKey.objects.get()),
        page_of(service, "history"),
    ):
        assert secret.rsplit("_", 1)[1] not in read(as_superuser, url)


def test_a_new_key_is_kept_in_no_session_and_no_cookie(as_superuser: Http, service: ApiClient) -> None:
    answer = create(as_superuser, service)
    secret = SECRET.findall(answer.content.decode())[0].rsplit("_", 1)[1]

    kept = [str(session.get_decoded()) for session in Session.objects.all()]
    kept += [cookie.value for cookie in (*answer.cookies.values(), *as_superuser.cookies.values())]
    assert not [text for text in kept if secret in text]
    assert messages_after(answer) == []


def test_a_new_keys_wishes_are_kept(as_superuser: Http, service: ApiClient, superuser: User) -> None:
    create(as_superuser, service, scopes=["read"], expires_in_days="30")
    key = ApiKey.objects.get()

    assert (key.name, key.scopes) == ("production", ["read"])
    assert key.expires_at is not None
    assert (key.expires_at - timezone.now()).days in (29, 30)
    assert history_of(service) == [("stella", f"Created key production ({key.prefix})")]


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"expires_in_days": "0"}, {"expires_in_days": "99999"}, {"scopes": ["everything"]}],
)
def test_a_wrong_wish_makes_no_key(as_superuser: Http, service: ApiClient, wrong: dict[str, Any]) -> None:
    assert create(as_superuser, service, **wrong).status_code == 200
    assert not ApiKey.objects.exists()


def test_the_dialog_offers_only_the_clients_own_scopes(as_superuser: Http, service: ApiClient) -> None:
    ApiClient.objects.update(scopes=["read"])
    dialog = read(as_superuser, button_of(service, CREATE))

    assert "Read balances" in dialog
    assert "Spend and hold" not in dialog
    create(as_superuser, service, scopes=["spend"])
    assert not ApiKey.objects.exists()


def test_a_key_is_revoked_by_its_button(as_superuser: Http, new_key: NewKey) -> None:
    answer = press(as_superuser, new_key.key, REVOKE)

    assert (answer.status_code, answer.url) == (302, page_of(new_key.key))
    with pytest.raises(ApiKeyRevoked):
        authenticate_client(f"Bearer {new_key.secret}")
    assert history_of(new_key.key) == [("stella", "Revoked")]
    assert history_of(new_key.key.client)[-1] == ("stella", f"Revoked key {new_key.key}")
    assert "revoked" in read(as_superuser, page_of(new_key.key.client))


def test_a_key_that_is_revoked_already_says_so(as_superuser: Http, new_key: NewKey) -> None:
    revoke_key(new_key.key)

    assert messages_after(press(as_superuser, new_key.key, REVOKE)) == ["The key was already revoked."]
    assert history_of(new_key.key) == []


def test_a_client_is_not_saved_without_a_scope(as_superuser: Http) -> None:
    answer = as_superuser.post(add_to(ApiClient), {"name": "Idle", "oidc_client_id": "", "is_active": "on"})

    assert answer.status_code == 200
    assert "Select at least one scope" in answer.content.decode()
    assert not ApiClient.objects.exists()


def test_a_client_is_made_limited_and_switched_off(
    as_superuser: Http, superuser: User, new_key: NewKey
) -> None:
    made = {"name": "Images", "oidc_client_id": "", "scopes": ["read", "spend"], "is_active": "on"}
    assert as_superuser.post(add_to(ApiClient), made).status_code == 302
    client = ApiClient.objects.get(name="Images")
    assert (client.oidc_client_id, client.scopes, client.created_by) == (None, ["read", "spend"], superuser)

    service = new_key.key.client
    changed = {"name": "Worker", "oidc_client_id": "worker", "scopes": ["read"], "requests_per_minute": "9"}
    hidden = re.findall(r'name="(keys-[^"]+)" value="([^"]*)"', read(as_superuser, page_of(service)))
    answer = as_superuser.post(page_of(service), {**changed, **dict(hidden)})
    assert answer.status_code == 302
    service.refresh_from_db()
    assert (service.scopes, service.requests_per_minute, service.is_active) == (["read"], 9, False)
    assert service.created_by is None
    with pytest.raises(ClientDisabled):
        authenticate_client(f"Bearer {new_key.secret}")


def test_scopes_are_checkboxes(as_superuser: Http, service: ApiClient) -> None:
    ApiClient.objects.update(scopes=["read"])
    page = read(as_superuser, page_of(service))

    boxes = re.findall(r'<input type="checkbox" name="scopes" value="(\w+)"([^>]*)>', page)
    assert [(value, bool(re.search(r"\bchecked(?!:)", rest))) for value, rest in boxes] == [
        ("read", True),
        ("spend", False),
        ("transfer", False),
        ("act_for_others", False),
    ]


def test_nobody_deletes_a_client_or_edits_a_key(as_superuser: Http, new_key: NewKey) -> None:
    refused = [
        as_superuser.post(page_of(new_key.key.client, "delete"), {"post": "yes"}),
        as_superuser.post(page_of(new_key.key, "delete"), {"post": "yes"}),
        as_superuser.post(page_of(new_key.key), {"name": "other"}),
        as_superuser.post(add_to(ApiKey), {"name": "other"}),
    ]

    assert [answer.status_code for answer in refused] == [403] * 4


def test_staff_without_the_permission_look_and_do_nothing(as_clerk: Http, new_key: NewKey) -> None:
    client_page = read(as_clerk, page_of(new_key.key.client))
    assert "read, spend, transfer" in client_page
    assert button_of(new_key.key.client, CREATE) not in client_page
    assert button_of(new_key.key, REVOKE) not in read(as_clerk, page_of(new_key.key))

    assert create(as_clerk, new_key.key.client).status_code == 403
    assert press(as_clerk, new_key.key, REVOKE).status_code == 403
    assert as_clerk.post(page_of(new_key.key.client), {"name": "x"}).status_code == 403
    assert ApiKey.objects.get().revoked_at is None


@pytest.mark.parametrize(("permission", "button"), [("add_apikey", CREATE), ("change_apikey", REVOKE)])
def test_each_button_has_a_permission_of_its_own(
    clerk: User, new_key: NewKey, permission: str, button: str
) -> None:
    clerk.user_permissions.add(Permission.objects.get(codename=permission, content_type__app_label="clients"))
    client = sign_in(clerk)

    assert create(client, new_key.key.client).status_code == (200 if button == CREATE else 403)
    assert press(client, new_key.key, REVOKE).status_code == (302 if button == REVOKE else 403)


def test_no_page_shows_a_hash(as_superuser: Http, new_key: NewKey) -> None:
    pages = [list_of(ApiClient), page_of(new_key.key.client), list_of(ApiKey), page_of(new_key.key)]

    for url in pages:
        page = read(as_superuser, url)
        assert new_key.key.secret_hash not in page
        assert ">None<" not in page.split('id="content"')[1]
    assert f"pck_{new_key.key.prefix}_…" in read(as_superuser, pages[1])


def test_a_client_is_found_by_the_prefix_of_its_key(as_superuser: Http, new_key: NewKey) -> None:
    ApiClient.objects.create(name="Other", scopes=["read"])

    page = read(as_superuser, list_of(ApiClient), q=new_key.key.prefix)
    assert page_of(new_key.key.client) in page
    assert "Other" not in page.split('id="content"')[1]
