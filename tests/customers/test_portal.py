"""The customer portal: set up by a command, found by every process, and never silently missing."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command

from accounts.models import User
from billing.customers.adding import portal_page
from billing.provider.errors import PortalNotSetUp
from billing.setup.going_live import check_everything
from billing.stripe import portal as stripe_portal
from credits.ledger.models import Account
from credits.ledger.operations import open_account
from tests.billing.calling import browser_of, stripe_posts
from tests.support.builders import UserFactory
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
CONFIGURATION = "billing_portal.configuration"
BILLING = "/credits/billing/"
SHOWN = {"shown_for": "personal"}


@pytest.fixture
def ada() -> User:
    user: User = UserFactory(email="ada@example.com")
    return user


@pytest.fixture
def account(ada: User) -> Account:
    return open_account(ada)


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of the portal, as in a process that has just started."""
    monkeypatch.setattr(stripe_portal._known, "id", "")


def set_up() -> str:
    out = StringIO()
    call_command("set_up_portal", stdout=out)
    return out.getvalue()


def opened_with(sandbox: Sandbox, account: Account) -> str:
    """The configuration that a page opens with."""
    assert requests.get(portal_page(account), timeout=10).status_code == 200
    configuration: str = sandbox.objects("billing_portal.session")[-1]["configuration"]
    return configuration


def checked() -> list[tuple[str, str]]:
    return [(each.what, each.to_do) for each in check_everything() if each.what.startswith("Customer portal")]


def test_a_command_sets_it_up_and_can_be_repeated(sandbox: Sandbox, settings: Any) -> None:
    assert checked() == [("Customer portal: not set up", "Run set_up_portal.")]
    said = set_up()
    (made,) = sandbox.objects(CONFIGURATION)
    assert said == f"Customer portal {made['id']}: created.\n"
    enabled = {name for name, feature in made["features"].items() if feature["enabled"]}
    assert enabled == {"customer_update", "invoice_history", "payment_method_update"}
    assert sorted(made["features"]["customer_update"]["allowed_updates"]) == ["address", "tax_id"]
    assert made["default_return_url"] == f"{settings.SITE_URL}{BILLING}"
    assert checked() == [(f"Customer portal: {made['id']} is set up", "")]
    assert set_up() == f"Customer portal {made['id']}: unchanged.\n"

    for fields in ({"default_return_url": "https://old.example"}, {"active": False}):
        sandbox.change_object(CONFIGURATION, made["id"], fields)
        assert set_up() == f"Customer portal {made['id']}: updated.\n"
    (updated,) = sandbox.objects(CONFIGURATION)
    assert (updated["default_return_url"], updated["active"]) == (made["default_return_url"], True)


def test_a_setting_changed_in_the_dashboard_is_found_and_put_back(sandbox: Sandbox) -> None:
    set_up()
    (made,) = sandbox.objects(CONFIGURATION)
    features = {**made["features"], "invoice_history": {"enabled": False}}
    sandbox.change_object(CONFIGURATION, made["id"], {"features": features})
    assert checked() == [(f"Customer portal: {made['id']} is not as set up", "Run set_up_portal.")]
    set_up()
    assert checked() == [(f"Customer portal: {made['id']} is set up", "")]


def test_a_lost_answer_makes_no_second_one(sandbox: Sandbox) -> None:
    sandbox.fault(method="POST", path="/v1/billing_portal/configurations", status=None, after=True, times=10)
    with pytest.raises(CommandError, match="Run the command again later"):
        set_up()
    sandbox.delete("/_sandbox/faults")
    assert set_up().endswith(": unchanged.\n")
    assert len(sandbox.objects(CONFIGURATION)) == 1


def test_it_opens_with_ours_else_with_the_accounts_default(sandbox: Sandbox, account: Account) -> None:
    with pytest.raises(PortalNotSetUp):
        portal_page(account)
    set_up()
    (ours,) = sandbox.objects(CONFIGURATION)
    copy = {"id": "bpc_default", "is_default": True, "metadata": {}}
    sandbox.post(f"/_sandbox/objects/{CONFIGURATION}/{ours['id']}/copies", {"copies": [copy]})
    before = len(looks(sandbox))
    assert opened_with(sandbox, account) == ours["id"]
    assert opened_with(sandbox, account) == ours["id"]
    assert len(looks(sandbox)) == before + 1, "found once"

    sandbox.change_object(CONFIGURATION, ours["id"], {"active": False})
    assert opened_with(sandbox, account) == "bpc_default"
    assert checked() == [("Customer portal: bpc_default, the account's default", "")]


def looks(sandbox: Sandbox) -> list[dict[str, Any]]:
    path = "/v1/billing_portal/configurations"
    return [call for call in sandbox.calls() if (call["method"], call["path"]) == ("GET", path)]


def test_one_that_is_gone_is_looked_up_again(sandbox: Sandbox, account: Account) -> None:
    stripe_portal._known.id = "bpc_gone"
    set_up()
    (ours,) = sandbox.objects(CONFIGURATION)
    assert opened_with(sandbox, account) == ours["id"]


def test_the_page_says_that_it_is_not_set_up(
    sandbox: Sandbox, ada: User, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    buyer = browser_of(ada)
    said = buyer.post("/credits/billing/portal", SHOWN, follow=True).content.decode()
    assert "The page at Stripe isn’t set up yet. Please contact support." in said
    assert "manage.py" not in said
    assert "portal_not_set_up" in caplog.text

    User.objects.filter(pk=ada.pk).update(is_staff=True)
    assert "Staff: run “manage.py set_up_portal”." in (
        buyer.post("/credits/billing/portal", SHOWN, follow=True).content.decode()
    )
    set_up()
    answer = buyer.post("/credits/billing/portal", SHOWN)
    assert (answer.status_code, "/p/session/" in answer["Location"]) == (303, True)
    assert stripe_posts(sandbox, "/v1/billing_portal/sessions")
