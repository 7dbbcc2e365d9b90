"""A valid signature is not "ours": the data is of one Stripe account and one of its modes, and of no other."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import execute_from_command_line

from billing.inbox.models import InboxEvent
from billing.provider.errors import StripeUnavailable, WrongStripeAccount
from billing.purchases.models import Payment, Purchase
from billing.refunds.models import Refund
from billing.stripe import identity as stripe_identity
from billing.stripe.models import StripeAccount
from billing.webhooks.receiving import reapply_event
from billing.webhooks.unmatched_events import look_again
from core import program
from credits.ledger.models import Account, Entry
from credits.proof.checking import find_violations
from tests.billing.calling import assert_problem, browser_of, last_event, post_json, the_event
from tests.billing.reporting import deliver
from tests.returns.asking import refund_in_dashboard
from tests.returns.selling import buy
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)

OURS = "acct_1SandboxLocal0000"
ANOTHER_KEY = "sk_test_" + "b" * 24
LIVE_KEY = "sk_live_" + "a" * 24


@pytest.fixture(autouse=True)
def _shop(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that has checked no key yet."""
    monkeypatch.setattr(stripe_identity, "_checked", set())
    put_on_sale()
    sandbox.hold_webhooks()
    yield
    assert list(find_violations()) == []


def restart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe_identity, "_checked", set())


def use_key_of(kind: str, sandbox: Sandbox, settings: Any) -> None:
    """A key of another account, or of the same account's live mode."""
    if kind == "another account":
        sandbox.set_account(id="acct_another")
        settings.STRIPE_SECRET_KEY = ANOTHER_KEY
    else:
        sandbox.set_account(live_keys=True, livemode=True)
        settings.STRIPE_SECRET_KEY = LIVE_KEY


def remembered() -> list[tuple[str, bool]]:
    return list(StripeAccount.objects.values_list("account_id", "livemode"))


# --- Events

FOREIGN = {
    "live": ({"livemode": True}, "The event is in live mode, but this site is in test mode."),
    "another account": (
        {"account": "acct_another"},
        f"The event belongs to the account acct_another, but this site uses {OURS}.",
    ),
    "both": (
        {"account": "acct_another", "livemode": True},
        "The event is in live mode, but this site is in test mode.",
    ),
}


@pytest.mark.parametrize(("envelope", "reason"), FOREIGN.values(), ids=FOREIGN)
def test_the_payment_of_another_account_or_mode_is_kept_and_credits_nothing(
    sandbox: Sandbox, envelope: dict[str, Any], reason: str
) -> None:
    session_id = start(UserFactory.create()).session_id
    sandbox.make_odd("event", envelope, times=None)
    sandbox.pay(session_id)
    assert set(deliver(sandbox)) == {200}

    rows = InboxEvent.objects.exclude(type__startswith="customer.")
    assert {(row.status, row.note) for row in rows} == {("ignored", reason)}
    assert "checkout.session.completed" in {row.type for row in rows}
    assert Purchase.objects.get().status == "pending"
    assert (Entry.objects.count(), Payment.objects.count()) == (0, 0)


@pytest.mark.parametrize(("envelope", "reason"), FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("comes_first", [False, True])
def test_neither_does_a_refund_of_theirs_take_anything(
    sandbox: Sandbox, envelope: dict[str, Any], reason: str, comes_first: bool
) -> None:
    """Not even one that waits for its payment."""
    started = start(UserFactory.create(), "standard")
    sandbox.pay(started.session_id)
    if not comes_first:
        deliver(sandbox)
    sandbox.make_odd("event", envelope, times=None)
    refund_in_dashboard(sandbox.objects("payment_intent")[0]["id"], 900)
    assert set(deliver(sandbox, types=["refund.created", "refund.updated", "charge.refunded"])) == {200}
    deliver(sandbox)
    look_again()

    refunds = InboxEvent.objects.filter(type__contains="refund")
    assert {(row.status, row.note) for row in refunds} == {("ignored", reason)}
    assert (Refund.objects.count(), Account.objects.get().balance) == (0, 5000)


def test_staff_cannot_apply_it_after_all(sandbox: Sandbox) -> None:
    session_id = start(UserFactory.create()).session_id
    sandbox.make_odd("event", {"livemode": True}, times=None)
    sandbox.pay(session_id)
    deliver(sandbox)

    assert reapply_event(last_event(sandbox, "checkout.session.completed")["id"]) == "ignored"
    assert Purchase.objects.get().status == "pending"


def test_an_event_that_names_our_own_account_is_ours(sandbox: Sandbox) -> None:
    sandbox.make_odd("event", {"account": OURS}, times=None)
    buy(sandbox, UserFactory.create())
    assert Account.objects.get().balance == 5000


def test_an_event_that_names_an_account_while_none_is_known_is_not_taken_for_ours(sandbox: Sandbox) -> None:
    session_id = start(UserFactory.create()).session_id
    StripeAccount.objects.all().delete()
    sandbox.make_odd("event", {"account": OURS}, times=None)
    sandbox.pay(session_id)
    deliver(sandbox)

    event = InboxEvent.objects.get(type="checkout.session.completed")
    assert (event.status, event.note) == (
        "ignored",
        f"The event belongs to the account {OURS}, but this site uses none yet.",
    )
    assert Purchase.objects.get().status == "pending"


def test_a_live_site_ignores_what_was_paid_in_test_mode(sandbox: Sandbox, settings: Any) -> None:
    use_key_of("live", sandbox, settings)
    session_id = start(UserFactory.create(), "standard").session_id
    sandbox.make_odd("event", {"livemode": False}, times=1, where={"type": "checkout.session.completed"})
    sandbox.pay(session_id)
    deliver(sandbox, types=["checkout.session.completed"])
    assert (the_event().status, Purchase.objects.get().status) == ("ignored", "pending")

    deliver(sandbox)
    assert Purchase.objects.get().status == "completed"
    assert remembered() == [(OURS, True)]


# --- What is remembered


def test_the_account_and_mode_are_learned_at_the_first_contact_and_asked_for_once(sandbox: Sandbox) -> None:
    assert remembered() == []
    for _ in range(2):
        start(UserFactory.create())

    assert remembered() == [(OURS, False)]
    assert [call["path"] for call in sandbox.calls()].count("/v1/account") == 1


def test_a_key_that_was_checked_is_not_asked_about_by_the_next_process(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(UserFactory.create())
    restart(monkeypatch)
    start(UserFactory.create())
    assert [call["path"] for call in sandbox.calls()].count("/v1/account") == 1


def test_a_new_key_of_the_same_account_is_taken(sandbox: Sandbox, settings: Any) -> None:
    start(UserFactory.create())
    settings.STRIPE_SECRET_KEY = ANOTHER_KEY
    assert start(UserFactory.create()).checkout_url
    assert remembered() == [(OURS, False)]


def test_the_key_itself_is_kept_nowhere(settings: Any) -> None:
    start(UserFactory.create())
    assert settings.STRIPE_SECRET_KEY not in str(StripeAccount.objects.values())


# --- The key of another account, or of another mode

WRONG = {
    "another account": r"belongs to the account acct_another, but the data here to acct_1SandboxLocal0000",
    "live": r"is a live key, but the data here is in test mode",
}


@pytest.fixture(params=WRONG)
def wrong(request: pytest.FixtureRequest, sandbox: Sandbox, settings: Any) -> str:
    """What is said of a key that is wrong, and is set now."""
    buy(sandbox, UserFactory.create())
    use_key_of(request.param, sandbox, settings)
    return WRONG[request.param]


def test_checkout_refuses_and_leaves_nothing_behind(wrong: str, sandbox: Sandbox) -> None:
    before = len(sandbox.objects("checkout.session"))
    for _ in range(2):
        with pytest.raises(WrongStripeAccount, match=wrong):
            start(UserFactory.create())

    assert (len(sandbox.objects("checkout.session")), Purchase.objects.count()) == (before, 1)
    assert remembered() == [(OURS, False)]


@pytest.mark.usefixtures("wrong")
def test_the_buyer_is_told_that_it_is_out_of_order() -> None:
    answer = post_json(browser_of(UserFactory.create()), "purchase", {"package_code": "starter"})
    assert_problem(answer, 503, "wrong_stripe_account")


def test_the_site_does_not_start(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "_said", [])
    with pytest.raises(WrongStripeAccount, match=wrong):
        runpy.run_path("config/wsgi.py")


COMMANDS = [["run_worker"], ["reconcile"], ["sync_catalog"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_that_speaks_to_stripe_begins(
    wrong: str,
    command: list[str],
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = [call for call in sandbox.calls() if call["path"] != "/v1/account"]
    monkeypatch.setattr(sys, "argv", ["manage.py", *command])
    with pytest.raises(SystemExit) as leaving:
        execute_from_command_line(sys.argv)

    assert leaving.value.code == 1
    said = capsys.readouterr().err
    assert "billing.E001" in said
    assert wrong.split(";")[0] in said
    assert [call for call in sandbox.calls() if call["path"] != "/v1/account"] == calls


@pytest.mark.usefixtures("wrong")
def test_the_check_asks_stripe_for_no_other_command(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.delete("/_sandbox/requests")
    monkeypatch.setattr(sys, "argv", ["manage.py", "check_ledger"])
    assert "billing.E001" not in {found.id for found in run_checks()}
    assert sandbox.calls() == []


# --- Where all is well, or Stripe is down


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_with_the_right_key_nothing_is_held_against_a_command(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    start(UserFactory.create())
    restart(monkeypatch)
    monkeypatch.setattr(sys, "argv", ["manage.py", *command])
    assert "billing.E001" not in {found.id for found in run_checks()}


def test_the_site_starts_while_stripe_is_down_and_checkout_asks_again(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "_said", [])
    sandbox.fault(method="GET", path="/v1/account", status=503, times=2)
    assert "application" in runpy.run_path("config/wsgi.py")

    with pytest.raises(StripeUnavailable):
        start(UserFactory.create())
    assert (remembered(), Purchase.objects.count()) == ([], 0)
    assert start(UserFactory.create()).checkout_url
    assert remembered() == [(OURS, False)]
