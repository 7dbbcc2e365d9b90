"""The whole way through: our login page, the provider's page, the callback, our session."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from accounts.sign_in.provider_keys import forget_keys
from tests.accounts.browsers import Browser
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

BUYER_SUB = "00000000-0000-4000-8000-0000000000b1"


def test_signing_in_makes_a_user_of_the_subject_and_leads_to_next(browser: Browser) -> None:
    page = browser.sign_in("buyer", next_url="/accounts/login/?here=1")

    assert page.url == f"{browser.site}/accounts/login/?here=1"
    assert "You’re signed in as buyer" in page.text
    user = User.objects.get()
    assert (user.oidc_sub, user.username, user.email) == (BUYER_SUB, "buyer", "buyer@example.com")
    assert (user.first_name, user.last_name) == ("Bea", "Buyer")
    assert (user.is_staff, user.is_superuser, user.has_usable_password()) == (False, False, False)


def test_roles_come_from_the_access_token_where_keycloak_puts_them(browser: Browser) -> None:
    browser.sign_in("staff")

    user = User.objects.get()
    assert (user.is_staff, user.is_superuser) == (True, True)


def test_roles_are_found_by_the_session_where_the_access_token_has_no_subject(
    browser: Browser, provider: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """A client without Keycloak's scope ``basic``; and where not even the session is the same, the log says so."""
    provider.post("/_sandbox/openid/next", {"access_token": {"claims": {"sub": None}}})
    browser.sign_in("staff")
    assert User.objects.get().is_superuser

    provider.post("/_sandbox/openid/next", {"access_token": {"claims": {"sub": None, "sid": "another"}}})
    Browser(browser.site).sign_in("staff")
    assert not User.objects.get().is_staff
    assert "no_sub" in caplog.text
    assert "realm_access is missing" in caplog.text


@pytest.mark.parametrize(
    ("roles", "is_staff", "is_superuser"),
    [(["staff"], True, False), (["admin"], True, True), (["other"], False, False), ([], False, False)],
)
def test_roles_are_taken_over_at_every_sign_in(
    browser: Browser, provider: Sandbox, roles: list[str], is_staff: bool, is_superuser: bool
) -> None:
    browser.sign_in("staff")
    provider.post("/_sandbox/openid/users", {"username": "staff", "roles": roles})
    Browser(browser.site).sign_in("staff")

    user = User.objects.get()
    assert (user.is_staff, user.is_superuser) == (is_staff, is_superuser)


def test_an_email_that_moved_to_another_person_moves_no_account(browser: Browser, provider: Sandbox) -> None:
    browser.sign_in("buyer")
    provider.post("/_sandbox/openid/users", {"username": "buyer", "email": "new@example.com"})
    provider.post("/_sandbox/openid/users", {"username": "buyer2", "email": "buyer@example.com"})
    Browser(browser.site).sign_in("buyer2")
    Browser(browser.site).sign_in("buyer")

    found = {user.username: user.email for user in User.objects.all()}
    assert found == {"buyer": "new@example.com", "buyer2": "buyer@example.com"}


def test_an_email_that_was_taken_away_is_taken_away_here(browser: Browser, provider: Sandbox) -> None:
    browser.sign_in("buyer")
    provider.post("/_sandbox/openid/users", {"username": "buyer", "email": ""})
    Browser(browser.site).sign_in("buyer")

    assert User.objects.get().email == ""


def test_a_user_made_by_hand_is_not_taken_over(browser: Browser) -> None:
    made = User.objects.create_superuser("staff", "staff@example.com", "a-long-password")
    browser.sign_in("staff")

    made.refresh_from_db()
    assert made.oidc_sub is None
    assert made.check_password("a-long-password")
    signed_in = User.objects.exclude(pk=made.pk).get()
    assert signed_in.username.startswith("staff-")
    assert signed_in.oidc_sub is not None


def test_a_name_freed_at_the_provider_is_another_person(browser: Browser, provider: Sandbox) -> None:
    browser.sign_in("buyer")
    another = "00000000-0000-4000-8000-00000000dead"
    provider.post(
        "/_sandbox/openid/users", {"username": "buyer", "sub": another, "email": "buyer@example.com"}
    )
    Browser(browser.site).sign_in("buyer")

    assert set(User.objects.values_list("oidc_sub", flat=True)) == {BUYER_SUB, another}


def test_signing_in_changes_the_session_key_each_time(browser: Browser) -> None:
    browser.open_provider()
    before = browser.session_key()
    browser.sign_in("buyer")
    first = browser.session_key()
    browser.sign_in("buyer")
    second = browser.session_key()

    assert len({before, first, second}) == 3
    assert Session.objects.filter(session_key__in=[before, first]).count() == 0


def test_a_session_ends_when_its_time_is_up_however_busy_it_is(browser: Browser, settings: Settings) -> None:
    settings.OIDC_SESSION_LIFETIME = timedelta(hours=2)
    browser.sign_in("buyer")
    session = Session.objects.get(session_key=browser.session_key())
    assert abs(session.expire_date - timezone.now() - timedelta(hours=2)) < timedelta(minutes=1)

    browser.get("/oidc/authenticate/", allow_redirects=False)  # writes to the session
    again = Session.objects.get(session_key=browser.session_key())
    assert again.expire_date == session.expire_date


def test_next_never_leads_to_another_site(browser: Browser) -> None:
    page = browser.sign_in("buyer", next_url="https://evil.example/")

    assert page.url == f"{browser.site}/accounts/login/"


def test_the_login_page_hands_next_to_the_provider_unless_it_is_foreign(browser: Browser) -> None:
    assert "/oidc/authenticate/?next=%2Fcredits%2F" in browser.get("/accounts/login/?next=/credits/").text
    assert "evil" not in browser.get("/accounts/login/?next=https://evil.example/").text


def test_the_request_to_the_provider_has_state_nonce_and_pkce(browser: Browser) -> None:
    answer = browser.get("/oidc/authenticate/", allow_redirects=False)

    location = answer.headers["Location"]
    for part in ("state=", "nonce=", "code_challenge=", "code_challenge_method=S256", "response_type=code"):
        assert part in location
    assert "scope=openid+email+profile" in location


def test_signing_out_ends_both_sessions_and_says_so(browser: Browser, provider: Sandbox) -> None:
    page = browser.sign_in("buyer")
    after = browser.submit(page, "/accounts/logout/")

    assert after.url == f"{browser.site}/accounts/login/"
    assert "You’ve signed out." in after.text
    assert "You’re signed in as" not in after.text
    assert browser.open_provider().url.startswith(f"{provider.url}/realms/demo/login-actions/")


def test_signing_out_of_the_admin_ends_both_sessions_too(browser: Browser, provider: Sandbox) -> None:
    page = browser.sign_in("staff")
    after = browser.submit(page, "/admin/logout/")

    assert after.url == f"{browser.site}/accounts/login/"
    assert browser.open_provider().url.startswith(f"{provider.url}/realms/demo/login-actions/")


def test_a_session_that_outlives_its_key_still_ends_at_the_provider(
    browser: Browser, provider: Sandbox
) -> None:
    """The provider can't verify the session's ID token any more, and refuses it as a hint."""
    page = browser.sign_in("buyer")
    provider.post("/_sandbox/openid/keys/rotate", {"drop_old": True})
    forget_keys()
    asked = browser.submit(page, "/accounts/logout/")
    assert "Sign out?" in asked.text
    after = browser.submit(asked, allow="Sign out")

    assert after.url == f"{browser.site}/accounts/login/"
    assert browser.open_provider().url.startswith(f"{provider.url}/realms/demo/login-actions/")


def test_a_hint_that_the_provider_cannot_verify_is_refused(browser: Browser, provider: Sandbox) -> None:
    hint = provider.mint("buyer", key="wrong")["id_token"]
    address = f"{provider.url}/realms/demo/protocol/openid-connect/logout"

    assert browser.get(address, params={"id_token_hint": hint}).status_code == 400


def test_a_link_signs_nobody_out(browser: Browser) -> None:
    browser.sign_in("buyer")

    assert browser.get("/accounts/logout/").status_code == 405
    assert "You’re signed in as buyer" in browser.get("/accounts/login/").text


def test_the_admin_signs_in_through_our_login_page(browser: Browser) -> None:
    page = browser.get("/admin/")
    assert page.url == f"{browser.site}/accounts/login/?next=%2Fadmin%2F"

    assert browser.sign_in("staff", next_url="/admin/").url == f"{browser.site}/admin/"


def test_a_user_disabled_after_signing_in_is_out_at_once(browser: Browser) -> None:
    browser.sign_in("buyer")
    User.objects.update(is_active=False)

    assert "You’re signed in as" not in browser.get("/accounts/login/").text
