"""`make demo OIDC=keycloak`: the demo with a real Keycloak in the place of the sandbox's provider."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from dev.demo import free_port
from dev.keycloak.installing import FOLDER
from dev.keycloak.server import Keycloak
from tests.keycloak.pages import fill_in, open_provider
from tests.keycloak.tokens import call, token_of_service, token_of_user
from tests.support.demos import alive, copy_checkout, running_demo

BALANCE = "/billing/credits/balance"
NO_ACCOUNT = "/credits/accounts/00000000-0000-4000-8000-000000000000/balance"


@pytest.mark.browser
def test_the_demos_users_and_service_come_in_by_keycloak_and_ctrl_c_ends_it_too(
    tmp_path: Path, browser: Browser, keycloak: Keycloak
) -> None:
    checkout = copy_checkout(tmp_path)
    (checkout / ".local").mkdir()
    (checkout / ".local" / "keycloak").symlink_to(FOLDER)  # installed once
    port = free_port()
    with running_demo(checkout, OIDC="keycloak", KEYCLOAK_PORT=str(port)) as demo:
        own = Keycloak(keycloak.process, f"http://localhost:{port}", "shop")
        assert demo.process.stdout is not None
        welcome = [demo.process.stdout.readline() for _ in range(2)]
        assert welcome[1].startswith(f"Sign in with Keycloak: {demo.url}/oidc/authenticate/")
        page = browser.new_page(base_url=demo.url)
        open_provider(page, "/credits/")
        fill_in(page, "buyer")
        expect(page.get_by_role("button", name="Sign out")).to_be_visible()
        answer = call(demo.url, BALANCE, token_of_user(own)["access_token"])
        assert answer.status_code == 200, "a bearer token is the same user's"
        assert call(demo.url, NO_ACCOUNT, token_of_service(own)).json()["code"] == "unknown_account"
        assert call(demo.url, NO_ACCOUNT, "junk").status_code == 401
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_text("You’ve signed out.")).to_be_visible()
        page.close()
        family = demo.family()
        assert any("java" in process.name() for process in family)
    assert demo.process.returncode == 0
    assert not alive(family)
