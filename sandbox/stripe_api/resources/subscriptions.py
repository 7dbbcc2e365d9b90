"""Read, change and cancel subscriptions. Buyers take them on the hosted page."""

from typing import Any

from stripe import params as stripe_params

from sandbox import clock
from sandbox.models import Record
from sandbox.payments.collecting import collect
from sandbox.payments.subscription_changes import invoice_lines, list_credits, postpone_lines
from sandbox.payments.subscription_states import OVER, cancel
from sandbox.shapes import Json
from sandbox.stripe_api.errors import NoSuchObjectError
from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.fields import find_in_path
from sandbox.stripe_api.lists import list_page
from sandbox.stripe_api.resources.subscription_items import ITEM_FIELDS, find_item
from sandbox.stripe_api.resources.subscription_updates import change_subscription, read_cancellation_details
from sandbox.stripe_api.routing import Call, route

_TYPE = "subscription"
_PATH = "/v1/subscriptions"
_LIVING = ("active", "incomplete", "past_due", "paused", "trialing", "unpaid")
_ITEM = "data__items__data__0__"
expands_to(
    _TYPE,
    customer="customer",
    default_payment_method="payment_method",
    latest_invoice="invoice",
    pending_setup_intent="setup_intent",
)


@route("GET", _PATH, stripe_params.SubscriptionListParams)
def list_all(call: Call) -> Json:
    """List subscriptions: those that aren't canceled, unless a status is asked for."""
    params = call.params
    filters: dict[str, Any] = _choose_statuses(params.get("status"))
    for name in ("price", "plan"):
        if name in params:
            filters[f"{_ITEM}price__id"] = params[name]
    for name in ("current_period_end", "current_period_start"):
        given = params.get(name, {})
        bounds = given if isinstance(given, dict) else {"exact": given}
        filters |= {f"{_ITEM}{name}__{bound}": moment for bound, moment in bounds.items()}
    return list_page(call, _TYPE, "collection_method", "customer", **filters)


def _choose_statuses(status: str | None) -> dict[str, Any]:
    if status == "all":
        return {}
    chosen = {None: _LIVING, "ended": OVER}.get(status, (status,))
    return {"data__status__in": chosen}


def _find(call: Call) -> Record:
    return find_in_path(_TYPE, call.ids["id"], "id")


@route("GET", _PATH + "/{id}", stripe_params.SubscriptionRetrieveParams)
def retrieve(call: Call) -> Json:
    return dict(_find(call).data)


@route("POST", _PATH + "/{id}", stripe_params.SubscriptionUpdateParams)
def update(call: Call) -> Json:
    subscription = _find(call)
    change_subscription(subscription, call.params)
    return dict(subscription.data)


@route("DELETE", _PATH + "/{id}", stripe_params.SubscriptionCancelParams)
def delete(call: Call) -> Json:
    """Cancel a subscription now, with or without a credit for the rest of its period."""
    subscription, params = _find(call), call.params
    if subscription.data["status"] in OVER:
        raise NoSuchObjectError(_TYPE, subscription.id, "id")
    if params.get("prorate"):
        postpone_lines(subscription, list_credits(subscription, clock.get_now()))
    details = read_cancellation_details(params)
    cancel(subscription, reason="cancellation_requested", **details)
    if params.get("invoice_now") and subscription.private["pending"]:
        collect(invoice_lines(subscription, [], clock.get_now()))
        subscription.refresh_from_db()
    return dict(subscription.data)


@route("POST", "/v1/subscription_items/{id}", stripe_params.SubscriptionItemUpdateParams)
def update_item(call: Call) -> Json:
    """Change one item, as its subscription's update does."""
    subscription, item = find_item(call.ids["id"])
    given = {name: call.params[name] for name in ITEM_FIELDS if name in call.params}
    others = {name: value for name, value in call.params.items() if name not in ITEM_FIELDS}
    change_subscription(subscription, {**others, "items": [{**given, "id": item["id"]}]})
    return find_item(item["id"])[1]
