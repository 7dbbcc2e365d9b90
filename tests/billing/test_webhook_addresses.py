"""Deliveries from addresses that Stripe doesn't list are let through, logged or refused; the signature decides."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from billing.inbox.models import InboxEvent
from billing.purchases.models import Purchase
from billing.setup.settings_checks import find_configuration_errors
from billing.setup.system_checks import check_webhook_addresses
from billing.stripe import webhook_addresses
from billing.stripe.webhook_addresses import SHIPPED, current_list, log_list_problem
from tests.billing.calling import (
    assert_problem,
    browser_of,
    made_up_event,
    paid_session_event,
    send,
    signature_of,
)
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.log_lines import Lines, log
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox

__all__ = ["log"]

pytestmark = pytest.mark.django_db
BODY = json.dumps(made_up_event("customer.updated", {"id": "cus_1", "object": "customer"})).encode()
LISTED, STRANGER = "3.18.12.63", "203.0.113.9"
EVENT = "webhook_address_unlisted"


@pytest.fixture(autouse=True)
def _settings(settings: Any) -> Iterator[None]:
    settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET]
    settings.STRIPE_WEBHOOK_ADDRESS_DAYS = 100_000
    yield
    webhook_addresses._lists.clear()


@pytest.fixture
def own_list(settings: Any, tmp_path: Path) -> Path:
    """An operator's file, as Stripe publishes it."""
    file = tmp_path / "ips_webhooks.json"
    write(file, [LISTED, "2001:db8::/64"])
    settings.STRIPE_WEBHOOK_ADDRESS_FILE = str(file)
    return file


def write(file: Path, addresses: list[str], **extra: str) -> None:
    file.write_text(json.dumps({"WEBHOOKS": addresses, **extra}))


def delivered(address: str, signature: str | None = None, forwarded: str = "") -> Any:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    client = Client(REMOTE_ADDR=address, headers=headers)
    return send(BODY, signature_of(BODY) if signature is None else signature, client=client)


# --- What each setting does ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "status", "logged"),
    [("off", 200, []), ("log", 200, [False]), ("refuse", 403, [True])],
)
def test_an_unlisted_address_is_let_through_logged_or_refused(
    settings: Any, log: Lines, setting: str, status: int, logged: list[bool]
) -> None:
    settings.STRIPE_WEBHOOK_ADDRESSES = setting
    assert delivered(STRANGER).status_code == status
    assert InboxEvent.objects.exists() == (status == 200)
    assert [(line["address"], line["refused"]) for line in log.of(EVENT)] == [
        (STRANGER, each) for each in logged
    ]


def test_a_refusal_comes_before_the_signature_and_says_what_it_is_about(settings: Any, log: Lines) -> None:
    settings.STRIPE_WEBHOOK_ADDRESSES = "refuse"
    problem = delivered(STRANGER, "t=1,v1=00")

    assert_problem(problem, 403, EVENT)
    assert "Stripe's webhook addresses" in problem.json()["detail"]
    assert log.of("webhook_refused") == []


@pytest.mark.parametrize("setting", ["log", "refuse"])
def test_a_listed_address_is_no_signature(settings: Any, log: Lines, setting: str) -> None:
    settings.STRIPE_WEBHOOK_ADDRESSES = setting
    assert_problem(delivered(LISTED, "t=1,v1=00"), 400, "webhook_refused")
    assert delivered(LISTED).status_code == 200
    assert log.of(EVENT) == []


def test_a_stranger_cant_claim_a_listed_address(settings: Any) -> None:
    settings.STRIPE_WEBHOOK_ADDRESSES, settings.TRUSTED_PROXIES = "refuse", ("10.0.0.0/8",)
    assert delivered(STRANGER, forwarded=LISTED).status_code == 403
    assert delivered("10.0.0.1", forwarded=f"{LISTED}, {STRANGER}").status_code == 403
    assert delivered("10.0.0.1", forwarded=f"{STRANGER}, {LISTED}, 10.0.0.2").status_code == 200
    assert delivered("::ffff:10.0.0.1", forwarded=f"::ffff:{LISTED}").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_local_stripe_is_refused_and_its_payment_credited_all_the_same(
    sandbox: Sandbox, settings: Any
) -> None:
    settings.STRIPE_WEBHOOK_ADDRESSES = "refuse"
    put_on_sale()
    user = UserFactory()
    session = start(user).session_id
    sandbox.hold_webhooks()
    event = paid_session_event(sandbox, session)
    answer = sandbox.post("/_sandbox/webhooks/send", event)
    assert (answer["status"], Purchase.objects.get().status) == (403, "pending")

    browser_of(user).get(f"/credits/success?session_id={session}")
    assert Purchase.objects.get().status == "completed"


# --- The list --------------------------------------------------------------------------------------------------------


def test_the_sites_own_list_has_a_date_and_stripes_addresses() -> None:
    shipped = current_list()

    assert shipped.file == SHIPPED
    assert shipped.dated == datetime.date.fromisoformat(json.loads(SHIPPED.read_text())["dated"])
    assert len(shipped.networks) == 15
    assert shipped.has(LISTED)
    assert not shipped.has(STRANGER)
    assert not shipped.has("")


def test_an_operators_list_counts_instead_as_soon_as_it_changes(
    settings: Any, own_list: Path, log: Lines
) -> None:
    settings.STRIPE_WEBHOOK_ADDRESSES = "refuse"
    assert [delivered(each).status_code for each in (LISTED, "2001:db8::7", "54.187.216.72")] == [
        200,
        200,
        403,
    ]
    write(own_list, [STRANGER])
    os.utime(own_list, ns=(1, 1))
    assert [delivered(each).status_code for each in (LISTED, STRANGER)] == [403, 200]


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", "{}", '{"WEBHOOKS": []}', '{"WEBHOOKS": ["3.18.12.63/8"]}', None]
)
def test_a_damaged_list_changes_nothing_in_a_running_process_and_keeps_others_from_starting(
    settings: Any, own_list: Path, log: Lines, damage: str | None
) -> None:
    settings.STRIPE_WEBHOOK_ADDRESSES = "refuse"
    assert delivered(LISTED).status_code == 200
    if damage is None:
        own_list.unlink()
    else:
        own_list.write_text(damage)
        os.utime(own_list, ns=(1, 1))
    assert [delivered(each).status_code for each in (LISTED, LISTED, STRANGER)] == [200, 200, 403]
    assert len(log.of("webhook_addresses_unreadable")) == 1

    webhook_addresses._lists.clear()
    [error] = find_configuration_errors()
    assert error.startswith("STRIPE_WEBHOOK_ADDRESS_FILE ")


def test_an_old_list_is_a_warning_at_the_start_and_in_each_check(
    settings: Any, own_list: Path, log: Lines
) -> None:
    settings.STRIPE_WEBHOOK_ADDRESS_DAYS = 90
    ago = (datetime.datetime.now(tz=datetime.UTC) - datetime.timedelta(days=91)).timestamp()
    os.utime(own_list, (ago, ago))
    assert check_webhook_addresses() == []  # it isn't used

    settings.STRIPE_WEBHOOK_ADDRESSES = "log"
    [warning] = check_webhook_addresses()
    log_list_problem()
    assert "91 days old" in warning.msg
    assert "https://stripe.com/files/ips/ips_webhooks.json" in warning.msg
    assert [line["reason"] for line in log.of("webhook_addresses_stale")] == [warning.msg]

    write(own_list, [LISTED], dated=datetime.datetime.now(tz=datetime.UTC).date().isoformat())
    os.utime(own_list, (ago, ago))  # its own date counts more than the file's
    assert check_webhook_addresses() == []


def test_check_stripe_names_the_list_its_age_and_what_differs(
    settings: Any, own_list: Path, sandbox: Sandbox
) -> None:
    settings.STRIPE_WEBHOOK_ADDRESSES, settings.STRIPE_WEBHOOK_ADDRESS_DAYS = "refuse", 90
    os.utime(own_list, (1, 1))
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("check_stripe", stdout=out)
    lines = [
        line for line in out.getvalue().splitlines() if "Webhook addresses" in line or "ips_webhooks" in line
    ]

    assert lines[0].startswith(f"✗ Webhook addresses: refuse; 2 in {own_list}, ")
    assert lines[1].startswith("  → Save https://stripe.com/files/ips/ips_webhooks.json as the file")
    assert lines[2].endswith(": 2001:db8::/64")
    assert "only in the site's own list" in lines[3]
    assert "54.187.216.72/32" in lines[3]


# --- Wrong values ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("STRIPE_WEBHOOK_ADDRESSES", "on"),
        ("STRIPE_WEBHOOK_ADDRESS_DAYS", 0),
        ("STRIPE_WEBHOOK_ADDRESS_FILE", "/nowhere.json"),
    ],
)
def test_a_wrong_value_is_named(settings: Any, name: str, value: Any) -> None:
    setattr(settings, name, value)
    [error] = find_configuration_errors()
    assert error.startswith(f"{name} ")
