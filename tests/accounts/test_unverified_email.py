"""An address that the provider doesn't vouch for is nobody's."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.email_addresses import people_with
from accounts.models import User
from accounts.people import Identity, recognise_person
from tests.accounts.browsers import Browser
from tests.accounts.identities import identify
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
BALANCE = "/api/v1/billing/credits/balance"
ADDRESS = "buyer@example.com"


def email_after_signing_in(browser: Browser, provider: Sandbox, **answers: Any) -> str:
    provider.post("/_sandbox/openid/next", answers)
    Browser(browser.site).sign_in("buyer")
    return User.objects.get().email


def test_signing_in_takes_an_address_away_that_is_not_verified(browser: Browser, provider: Sandbox) -> None:
    assert email_after_signing_in(browser, provider) == ADDRESS
    assert email_after_signing_in(browser, provider, userinfo={"email_verified": False}) == ""
    assert email_after_signing_in(browser, provider) == ADDRESS
    assert email_after_signing_in(browser, provider, userinfo={"email_verified": None}) == ""
    assert not people_with(ADDRESS).exists()


def test_no_answer_vouches_for_the_address_in_another(browser: Browser, provider: Sandbox) -> None:
    theirs = {"email": "somebody@example.com", "email_verified": None}
    assert email_after_signing_in(browser, provider, userinfo=theirs) == ""
    # The access token still says that it is verified. It is read for the roles alone.
    unverified = {"claims": {"email_verified": False}}
    answers = {"userinfo": {"email_verified": False}, "id_token": unverified}
    assert email_after_signing_in(browser, provider, **answers) == ""


def test_a_bearer_token_takes_an_address_away_only_if_it_says_so(client: Client, provider: Sandbox) -> None:
    def email_after(verified: bool | None) -> str:
        token = provider.mint("buyer", claims={"email_verified": verified})["access_token"]
        assert client.get(BALANCE, headers={"Authorization": f"Bearer {token}"}).status_code == 200
        return User.objects.get().email

    # The last is a token that says nothing of it, as where its mapper was taken out of access tokens.
    assert [email_after(verified) for verified in (None, True, None, False)] == ["", ADDRESS, ADDRESS, ""]


@pytest.mark.parametrize("verified", [False, "false", "yes", 1, [], {"true": True}])
def test_only_the_word_for_it_counts(verified: object) -> None:
    assert recognise_person(identify(email=ADDRESS, email_verified=verified)).email == ""


@pytest.mark.parametrize(
    "address", ["buyer", "@example.com", "a b@example.com", "a@b@example.com", "a@b..com"]
)
def test_what_is_no_address_is_none(address: str) -> None:
    assert Identity.from_claims({"sub": "1", "iat": 1, "email": address, "email_verified": True}).email == ""
    assert recognise_person(identify(email=ADDRESS, email_verified="true")).email == ADDRESS
