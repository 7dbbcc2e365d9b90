"""dj-stripe's own webhook address: a second door to the same inbox, there only where a setting asks for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from importlib import reload
from typing import Any
from uuid import uuid4

import pytest
import requests
from django.conf import settings as django_settings
from django.urls import clear_url_caches, reverse
from djstripe.models import WebhookEventTrigger

import config.urls
from billing.inbox.models import InboxEvent
from billing.purchases.models import PurchaseEvent
from credits.ledger.models import Entry
from tests.billing.calling import (
    WEBHOOK,
    assert_problem,
    deliver,
    paid_session_event,
    send,
    signature_of,
    the_event,
)
from tests.support.builders import UserFactory, put_on_sale, start
from tests.support.racing import at_once
from tests.support.sandbox import WEBHOOK_SECRET, Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
SECRET_OF_THE_OTHER = "whsec_oftheotherendpoint0123456789"
THEIRS = "/stripe/webhook/5b0c4c1e-9d3a-4c9f-8f54-7b1f7c9e2f11/"  # the same in each process that runs tests


def _addresses_anew() -> None:
    reload(config.urls)
    clear_url_caches()


@pytest.fixture
def mounted(settings: Any) -> Iterator[None]:
    settings.STRIPE_WEBHOOK_SECRETS = [WEBHOOK_SECRET, SECRET_OF_THE_OTHER]
    settings.DJSTRIPE_PREFIX = "stripe"
    _addresses_anew()
    yield
    settings.DJSTRIPE_PREFIX = ""
    _addresses_anew()


@pytest.fixture
def paid(sandbox: Sandbox) -> dict[str, Any]:
    """A paid session's event, not delivered yet."""
    put_on_sale()
    return paid_session_event(sandbox, start(UserFactory()).session_id)


def test_there_is_no_such_address_unless_a_setting_asks_for_it(paid: dict[str, Any]) -> None:
    assert django_settings.DJSTRIPE_PREFIX == ""
    assert deliver(paid, THEIRS).status_code == 404
    assert not Entry.objects.exists()


@pytest.mark.usefixtures("mounted")
@pytest.mark.parametrize("path", [THEIRS, THEIRS.rstrip("/")])
def test_an_event_that_comes_there_is_credited(paid: dict[str, Any], path: str) -> None:
    assert deliver(paid, path).status_code == 200
    assert (Entry.objects.count(), the_event().status) == (1, "applied")


@pytest.mark.usefixtures("mounted")
def test_it_stands_under_djstripes_own_name() -> None:
    endpoint = uuid4()
    assert reverse("djstripe:djstripe_webhook_by_uuid", args=[endpoint]) == f"/stripe/webhook/{endpoint}/"


@pytest.mark.usefixtures("mounted")
@pytest.mark.parametrize("signature", [None, "t=1,v1=00", "nonsense"])
def test_what_is_not_signed_leaves_no_row_behind(paid: dict[str, Any], signature: str | None) -> None:
    assert_problem(send(json.dumps(paid).encode(), signature, THEIRS), 400, "webhook_refused")
    assert not WebhookEventTrigger.objects.exists()
    assert not InboxEvent.objects.exclude(type__startswith="customer.").exists()


@pytest.mark.usefixtures("mounted")
def test_both_addresses_get_every_event_at_once_and_credit_once(
    paid: dict[str, Any], live_server: Any
) -> None:
    body = json.dumps(paid).encode()

    def post(path: str, secret: str) -> int:
        headers = {"Stripe-Signature": signature_of(body, secret), "Content-Type": "application/json"}
        return requests.post(live_server.url + path, body, headers=headers, timeout=20).status_code

    ours, theirs = partial(post, WEBHOOK, WEBHOOK_SECRET), partial(post, THEIRS, SECRET_OF_THE_OTHER)
    assert at_once(ours, theirs, ours, theirs) == [200] * 4
    assert (Entry.objects.count(), PurchaseEvent.objects.filter(what="credited").count()) == (1, 1)
    assert the_event().attempts == 4
