"""Django passwords: the way in without a provider, one of two in the demo, else closed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from django.core.checks import run_checks
from django.test import Client
from pytest_django import Settings

from accounts.models import User

PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "x" * 60,
    "SITE_URL": "https://credits.example.com",
    "DEFAULT_FROM_EMAIL": "credits@example.com",
    "ALLOWED_HOSTS": "credits.example.com",
    "DATABASE_URL": "postgres://nobody@localhost/none",
}
NAMES = ["PASSWORD_SIGN_IN", "AUTHENTICATION_BACKENDS", "OIDC_USE_PKCE", "OIDC_RP_SIGN_ALGO", "OIDC_TIMEOUT"]
READ = (
    "import json\nfrom django.conf import settings\n"
    f"found = {{name: getattr(settings, name) for name in {NAMES}}}\n"
    "found['form-action'] = settings.CONTENT_SECURITY_POLICY['DIRECTIVES']['form-action']\n"
    "print(json.dumps(found))"
)


def read_production(**environment: str) -> dict[str, object]:
    """What production's settings are in a process of their own."""
    answer = subprocess.run(
        [sys.executable, "-c", READ],
        env={"PATH": os.environ["PATH"], **PRODUCTION, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(answer.stdout)  # type: ignore[no-any-return]


def test_production_with_a_provider_has_no_password_backend() -> None:
    found = read_production(OIDC_ISSUER="https://id.example.com/realms/acme")

    assert found["PASSWORD_SIGN_IN"] is False
    assert found["AUTHENTICATION_BACKENDS"] == ["accounts.sign_in.oidc.OIDCBackend"]
    assert (found["OIDC_USE_PKCE"], found["OIDC_RP_SIGN_ALGO"], found["OIDC_TIMEOUT"]) == (True, "RS256", 5.0)
    assert "https://id.example.com" in found["form-action"]  # type: ignore[operator]


def test_production_without_a_provider_has_passwords_alone() -> None:
    found = read_production()

    assert found["PASSWORD_SIGN_IN"] is True
    assert found["AUTHENTICATION_BACKENDS"] == ["django.contrib.auth.backends.ModelBackend"]


@pytest.mark.django_db
def test_a_password_signs_in_where_it_may(client: Client) -> None:
    User.objects.create_user("ann", password="a-long-password")
    answer = client.post("/accounts/login/?next=/x/", {"username": "ann", "password": "a-long-password"})

    assert (answer.status_code, answer["Location"]) == (302, "/x/")


@pytest.mark.django_db
def test_a_wrong_password_is_a_message(client: Client) -> None:
    answer = client.post("/accounts/login/", {"username": "ann", "password": "wrong"})

    assert answer.status_code == 200
    assert "Please enter a correct username and password" in answer.content.decode()


@pytest.mark.django_db
def test_a_password_opens_nothing_where_it_may_not(client: Client, settings: Settings) -> None:
    settings.PASSWORD_SIGN_IN = False
    settings.AUTHENTICATION_BACKENDS = ["accounts.sign_in.oidc.OIDCBackend"]
    User.objects.create_superuser("ann", password="a-long-password")

    page = client.get("/accounts/login/").content.decode()
    assert 'name="password"' not in page
    assert "Sign in with" in page
    assert client.post("/accounts/login/", {"username": "ann", "password": "x"}).status_code == 405
    assert not client.login(username="ann", password="a-long-password")


@pytest.mark.django_db
def test_a_password_session_ends_when_passwords_are_switched_off(client: Client, settings: Settings) -> None:
    client.force_login(User.objects.create_user("ann"), "django.contrib.auth.backends.ModelBackend")
    settings.AUTHENTICATION_BACKENDS = ["accounts.sign_in.oidc.OIDCBackend"]

    assert client.get("/accounts/login/").wsgi_request.user.is_anonymous


@pytest.mark.django_db
def test_without_a_provider_there_is_no_button_and_no_way_to_one(client: Client, settings: Settings) -> None:
    settings.OIDC_ISSUER = ""

    assert "/oidc/authenticate/" not in client.get("/accounts/login/").content.decode()
    assert client.get("/oidc/authenticate/")["Location"] == "/accounts/login/"
    assert client.get("/oidc/callback/?code=a&state=b")["Location"] == "/accounts/login/"


@pytest.mark.django_db
def test_a_password_session_signs_out_here_alone(client: Client) -> None:
    client.force_login(User.objects.create_user("ann"), "django.contrib.auth.backends.ModelBackend")
    answer = client.post("/accounts/logout/", follow=True)

    assert answer.redirect_chain == [("/accounts/login/", 302)]
    assert "You’ve signed out." in answer.content.decode()
    assert answer.wsgi_request.user.is_anonymous


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"OIDC_RP_CLIENT_SECRET": ""}, "accounts.E001"),
        ({"OIDC_API_AUDIENCE": "credits-web"}, "accounts.E002"),
        ({"DEMO": False, "OIDC_RP_CLIENT_SECRET": "own"}, "accounts.E003"),
        ({"DEMO": False, "OIDC_ISSUER": "https://id.example.com/realms/acme"}, "accounts.E004"),
    ],
)
def test_unsafe_provider_settings_refuse_to_start(
    settings: Settings, change: dict[str, object], expected: str
) -> None:
    for name, value in {"COUNT_STORE": "postgresql", **change}.items():
        setattr(settings, name, value)

    found = [message.id for message in run_checks(tags=["security"]) if message.id]
    assert [each for each in found if each.startswith("accounts.")] == [expected]


@pytest.mark.django_db
def test_the_login_page_of_someone_who_may_not_enter_says_so_and_does_not_loop(client: Client) -> None:
    client.force_login(User.objects.create_user("ann"), "django.contrib.auth.backends.ModelBackend")
    answer = client.get("/admin/", follow=True)

    assert answer.redirect_chain[-1] == ("/accounts/login/?next=%2Fadmin%2F", 302)
    assert "You’re signed in as ann" in answer.content.decode()
