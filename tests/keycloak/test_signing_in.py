"""Users sign in at Keycloak's own page, and what its tokens say becomes the user here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import ProviderLogout, User
from tests.keycloak.administration import Administration
from tests.keycloak.pages import fill_in, open_provider

pytestmark = pytest.mark.browser

BUYER_SUB = "00000000-0000-4000-8000-0000000000b1"
SignIn = Callable[..., Page]


def test_a_buyer_signs_in_and_signing_out_ends_keycloaks_session_too(
    sign_in: SignIn, administration: Administration, live_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    administration.log_out("buyer")  # of what other tests left
    page = sign_in("buyer", "/credits/statement/")

    expect(page).to_have_url(f"{live_server.url}/credits/statement/")
    user = User.objects.get()
    assert (user.oidc_sub, user.username, user.email) == (BUYER_SUB, "buyer", "buyer@example.com")
    assert (user.first_name, user.last_name) == ("Bea", "Buyer")
    assert (user.is_staff, user.is_superuser, user.groups.count()) == (False, False, 0)
    (session,) = administration.sessions_of("buyer")

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You’ve signed out.")).to_be_visible()
    assert administration.sessions_of("buyer") == []
    assert ProviderLogout.objects.filter(sid=session).exists(), "Keycloak reports the end that we asked for"
    assert "backchannel_logout_refused" not in caplog.text
    open_provider(page, "/credits/")
    expect(page.get_by_label("Username or email")).to_be_visible()


@pytest.mark.parametrize(
    ("username", "is_staff", "is_superuser", "groups"),
    [("staff", True, True, []), ("fiona", True, False, ["finance"]), ("buyer", False, False, [])],
)
def test_roles_open_the_admin(
    sign_in: SignIn, username: str, is_staff: bool, is_superuser: bool, groups: list[str]
) -> None:
    page = sign_in(username, "/admin/")

    if is_staff:
        expect(page.get_by_role("link", name="Purchases").first).to_be_visible()
    else:
        expect(page.get_by_text("This account doesn’t have access.")).to_be_visible()
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser) == (is_staff, is_superuser)
    assert [group.name for group in user.groups.all()] == groups


def test_a_role_that_is_withdrawn_is_gone_at_the_next_sign_in(
    sign_in: SignIn, administration: Administration
) -> None:
    sign_in("fiona")
    administration.take_role("fiona", "finance")
    try:
        sign_in("fiona")
    finally:
        administration.give_role("fiona", "finance")

    user = User.objects.get()
    assert (user.is_staff, user.groups.count()) == (False, 0)


def test_an_unverified_address_has_to_be_verified_first(
    open_context: Callable[..., BrowserContext],
) -> None:
    page = open_context().new_page()
    open_provider(page, "/credits/")
    fill_in(page, "una")

    # It would send an email with a link; but this realm, like one just imported, has no mail server yet.
    expect(page.get_by_text("Failed to send email")).to_be_visible()
    assert not User.objects.exists()


def test_an_unverified_address_is_not_the_users(
    sign_in: SignIn, administration: Administration, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the realm lets users in without verifying it."""
    administration.change_realm(verifyEmail=False)
    try:
        page = sign_in("vera")
    finally:
        administration.change_realm(verifyEmail=True)

    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert User.objects.get(username="vera").email == ""
    assert "oidc_email_not_used" in caplog.text
