"""Get every answer that the description of the plans' addresses promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import StringIO

import requests
from django.core.management import call_command

from billing.customers.methods import remove_method, shown_methods
from billing.subscriptions.models import Subscription
from billing.subscriptions.syncing import sync_subscription
from tests.support.builders import put_on_sale
from tests.support.sandbox import Sandbox

NOBODY_ELSE = ("", "service")
PLUS, MAX = {"plan_code": "plus"}, {"plan_code": "max"}
NO_TEAM = "00000000-0000-4000-8000-000000000000"
DECLINES = "4000000000000341"


def ask_for_plans(
    sandbox: Sandbox, send: Callable[..., requests.Response]
) -> Iterator[tuple[str, requests.Response]]:
    """Take a plan, change it and cancel it, with every refusal on the way. ``send`` takes an operation's name."""
    put_on_sale("demo")
    call_command("sync_catalog", stdout=StringIO())
    for name in ("list_plans", "list_subscriptions"):
        for who in ("buyer", *NOBODY_ELSE):
            yield name, send(name, who)
    yield "list_subscriptions", send("list_subscriptions", params={"team": "mine"})
    yield "list_subscriptions", send("list_subscriptions", params={"team": NO_TEAM})
    yield from _subscribe(sandbox, send)
    row = Subscription.objects.exclude(status__in=Subscription.ENDED).get()
    yield "change_subscription", send("change_subscription", json=MAX, subscription_id=row.pk)  # not paid yet
    sandbox.pay(str(row.stripe_session_id))
    sandbox.wait_for_webhooks()
    sync_subscription(row.pk)
    yield "subscribe", send("subscribe", json=MAX)
    yield from _change(sandbox, send, row)


def _subscribe(
    sandbox: Sandbox, send: Callable[..., requests.Response]
) -> Iterator[tuple[str, requests.Response]]:
    for who in NOBODY_ELSE:
        yield "subscribe", send("subscribe", who, json=PLUS)
    for body in ({}, {"plan_code": "nothing"}):
        yield "subscribe", send("subscribe", json=body)
    yield "subscribe", send("subscribe", data=PLUS)
    sandbox.fault(method="POST", path="/v1/checkout/sessions", status=400, times=1)
    yield "subscribe", send("subscribe", json=PLUS)
    yield "subscribe", send("subscribe", json=PLUS)


def _change(
    sandbox: Sandbox, send: Callable[..., requests.Response], row: Subscription
) -> Iterator[tuple[str, requests.Response]]:
    name = "change_subscription"
    for who in NOBODY_ELSE:
        yield name, send(name, who, json=MAX, subscription_id=row.pk)
    for body in (
        {},
        {"plan_code": "nothing"},
        {"cancel_at_period_end": True},
        {"cancel_at_period_end": False},
    ):
        yield name, send(name, json=body, subscription_id=row.pk)
    yield name, send(name, data=MAX, subscription_id=row.pk)
    Subscription.objects.filter(pk=row.pk).update(status="past_due")
    yield name, send(name, json=MAX, subscription_id=row.pk)
    Subscription.objects.filter(pk=row.pk).update(status="active")
    sandbox.fault(method="POST", path="/v1/subscriptions/*", status=400, times=1)
    yield name, send(name, json=MAX, subscription_id=row.pk)
    sandbox.replace_card(str(row.account.customer.stripe_customer_id), DECLINES)
    yield name, send(name, json=MAX, subscription_id=row.pk)
    sandbox.wait_for_webhooks()
    for shown in shown_methods(row.account):
        remove_method(row.account, shown.row.pk)
