"""A session that ends at Keycloak ends here at once, because Keycloak says so by the back channel."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from accounts.models import ProviderSession
from tests.keycloak.administration import Administration

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]


def is_signed_in(page: Page) -> bool:
    page.goto("/accounts/login/")
    return page.get_by_text("You’re signed in as").count() == 1


def test_a_session_that_an_administrator_ends_is_over_here_and_no_other(
    sign_in: SignIn, administration: Administration
) -> None:
    administration.log_out("buyer")  # of what other tests left
    first, second, other = sign_in("buyer"), sign_in("buyer"), sign_in("buyer2")
    assert [is_signed_in(page) for page in (first, second, other)] == [True, True, True]

    administration.end_session(administration.sessions_of("buyer")[0])
    assert [is_signed_in(page) for page in (first, second, other)] == [False, True, True]

    administration.log_out("buyer")
    assert [is_signed_in(page) for page in (first, second, other)] == [False, False, True]
    assert ProviderSession.objects.count() == 1
