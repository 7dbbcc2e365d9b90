"""Keycloak for its own tests and the demo: what stands in the way is said in a line, and the realm to import is sound.

Nothing here starts it: `make test` needs no Java.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.urls import resolve, reverse

from dev.keycloak import installing
from dev.keycloak.installing import KeycloakError, check_java, install
from dev.keycloak.realm import FILE, demo_realm, read_realm
from sandbox.openid.demo_users import DEMO_USERS
from tests.support.own_commands import ROOT, describe_left_out, is_left_out

NEEDED = "Keycloak needs Java 17 or newer. On Debian: apt install default-jre-headless"


def make_program(folder: Path, name: str, script: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def say_version(version: str) -> str:
    return f"echo 'openjdk version \"{version}\" 2025-04-15' >&2"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Keycloak would be installed: nothing is there, and no program but Java is found."""
    monkeypatch.setattr(installing, "FOLDER", tmp_path / "keycloak")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    make_program(tmp_path / "bin", "java", say_version("17.0.15"))
    return tmp_path / "keycloak"


# --- Programs -------------------------------------------------------------------------------------------------------


def test_without_java_the_command_fails_with_a_line_that_says_what_to_install(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "JAVA_HOME"}
    environment |= {"PATH": str(tmp_path), "CHROMIUM": sys.executable}
    ran = subprocess.run(
        [sys.executable, "-m", "dev.keycloak"], cwd=ROOT, env=environment, capture_output=True, text=True
    )

    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", f"java is missing. {NEEDED}\n")


@pytest.mark.parametrize(
    ("version", "found"),
    [("1.8.0_312", "Java 8"), ("11.0.2", "Java 11"), ("16", "Java 16"), ("?", "no Java")],
)
def test_a_java_that_is_too_old_says_so(tmp_path: Path, version: str, found: str) -> None:
    make_program(tmp_path / "bin", "java", say_version(version))

    with pytest.raises(KeycloakError) as refusal:
        check_java({"JAVA_HOME": str(tmp_path)})
    assert str(refusal.value) == f"{tmp_path}/bin/java is {found}. {NEEDED}, or set JAVA_HOME"


@pytest.mark.parametrize("version", ["17", "17.0.15", "21.0.7", "25"])
def test_a_newer_java_is_good(tmp_path: Path, version: str) -> None:
    make_program(tmp_path, "java", say_version(version))

    check_java({"PATH": str(tmp_path)})


def test_a_java_home_without_java_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeycloakError) as refusal:
        check_java({"JAVA_HOME": str(tmp_path)})
    assert str(refusal.value).startswith(f"{tmp_path}/bin/java is missing.")
    assert str(refusal.value).endswith(", and unset or correct JAVA_HOME")


def test_without_maven_there_is_a_line_that_says_so(folder: Path) -> None:
    with pytest.raises(KeycloakError) as refusal:
        install()
    assert str(refusal.value) == "mvn is missing: Maven downloads Keycloak. On Debian: apt install maven"


def test_a_download_that_fails_shows_what_maven_says(folder: Path, tmp_path: Path) -> None:
    make_program(tmp_path / "bin", "mvn", "echo 'Unknown host'; exit 1")

    with pytest.raises(KeycloakError) as refusal:
        install()
    assert "Unknown host" in str(refusal.value)
    assert str(refusal.value).endswith("run the same command again.")


def test_another_archive_than_the_pinned_one_is_not_unpacked(folder: Path, tmp_path: Path) -> None:
    archive = f"keycloak-quarkus-dist-{installing.VERSION}.tar.gz"
    make_program(tmp_path / "bin", "mvn", f"echo something else > {archive}")

    with pytest.raises(KeycloakError, match="is not the file that"):
        install()
    assert not list(folder.glob("keycloak*"))


# --- The realm ------------------------------------------------------------------------------------------------------


def test_only_the_demos_passwords_may_be_short() -> None:
    assert read_realm()["passwordPolicy"] == "length(12)"
    assert demo_realm()["passwordPolicy"] == ""


def walk(value: Any) -> Iterator[tuple[str, Any]]:
    """Each name in the file, with its value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name, inner
            yield from walk(inner)
    if isinstance(value, list):
        for inner in value:
            yield from walk(inner)


def client_of(realm: dict[str, Any], client_id: str) -> dict[str, Any]:
    client: dict[str, Any] = next(one for one in realm["clients"] if one["clientId"] == client_id)
    return client


def test_the_realm_to_import_has_no_secret_and_no_user_of_anybodys() -> None:
    realm = read_realm()

    secrets = {"secret", "credentials", "password", "privateKey", "certificate", "smtpServer"}
    assert not secrets & {name for name, _ in walk(realm)}
    assert [user["username"] for user in realm["users"]] == ["service-account-service"]
    assert set(re.findall(r"\$\{(\w+)", FILE.read_text())) == {"SITE_URL", "SITE_NAME"}


def test_the_realm_is_what_the_site_expects() -> None:
    realm = read_realm()

    roles = {settings.OIDC_STAFF_ROLE, settings.OIDC_ADMIN_ROLE, settings.OIDC_SERVICE_ROLE}
    assert {role["name"] for role in realm["roles"]["realm"]} == roles | set(settings.STAFF_GROUPS)
    assert realm["defaultSignatureAlgorithm"] == settings.OIDC_RP_SIGN_ALGO
    assert realm["ssoSessionMaxLifespan"] == settings.OIDC_SESSION_LIFETIME.total_seconds()
    assert set(realm["supportedLocales"]) == {code for code, _ in settings.LANGUAGES}
    (audience,) = client_of(realm, "service")["protocolMappers"]
    assert audience["config"]["included.custom.audience"] == settings.OIDC_API_AUDIENCE


def test_the_sites_client_leads_to_the_sites_addresses() -> None:
    client = client_of(read_realm(), "credits-web")

    assert client["redirectUris"] == ["${SITE_URL}" + reverse("oidc_authentication_callback")]
    attributes = client["attributes"]
    assert attributes["post.logout.redirect.uris"] == "${SITE_URL}" + reverse("accounts:login")
    backchannel = attributes["backchannel.logout.url"].removeprefix("${SITE_URL}")
    assert resolve(backchannel).url_name == "oidc-backchannel-logout"
    assert client["frontchannelLogout"] is False, "or Keycloak doesn't use the back channel"


def test_the_demos_realm_has_the_users_whom_the_demo_knows() -> None:
    users = {user.get("id"): user for user in demo_realm()["users"]}

    for person in DEMO_USERS:
        user = users[str(person["sub"])]
        assert (user["username"], user["email"]) == (person["username"], person["email"])
        assert user["realmRoles"] == ["default-roles-shop", *person["roles"]]


# --- The run that leaves it out --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "is_out", "is_said"),
    [
        (["tests"], True, True),
        ([str(ROOT)], True, True),
        (["tests/dev"], True, False),
        (["tests/keycloak"], False, False),
        (["tests", "tests/keycloak/test_keys.py::test_a_key"], False, False),
    ],
)
def test_a_run_of_everything_leaves_keycloak_out_and_says_so(
    asked: list[str], is_out: bool, is_said: bool
) -> None:
    run: Any = SimpleNamespace(rootpath=ROOT, args=asked)

    assert is_left_out(ROOT / "tests/keycloak", run) is is_out
    assert not is_left_out(ROOT / "tests/dev", run)
    said = ["Not a part of this run: tests/keycloak (make test-keycloak)"]
    assert describe_left_out(run) == (said if is_said else [])
