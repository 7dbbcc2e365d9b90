"""Let customers change, cancel and resume their subscriptions, as far as the portal's configuration allows."""

from dataclasses import dataclass
from typing import Any

from sandbox import clock, store
from sandbox.models import Record
from sandbox.payments.collecting import collect
from sandbox.payments.formatting import format_amount, format_day, format_rate
from sandbox.payments.previews import preview_change
from sandbox.payments.subscription_changes import invoice_lines, list_credits, postpone_lines
from sandbox.payments.subscription_states import OVER, cancel
from sandbox.payments.subscriptions import describe_end, get_items, get_period, report_change
from sandbox.portal.summary import get_features
from sandbox.shapes import Json
from sandbox.stripe_api.errors import ApiError
from sandbox.stripe_api.resources.subscription_updates import (
    change_subscription,
    is_charged_at_once,
    plan_items,
)


@dataclass(frozen=True)
class Choice:
    """Hold a plan that a customer may change to: a subscription and another price."""

    subscription: Record
    price: Json

    def to_params(self, session: Record) -> dict[str, Any]:
        """Return the change as a request to the API has it. A card that is declined undoes it."""
        (item,) = get_items(self.subscription)
        return {
            "items": [{"id": item["id"], "price": self.price["id"]}],
            "payment_behavior": "error_if_incomplete",
            "proration_behavior": get_features(session)["subscription_update"]["proration_behavior"],
        }


def list_subscriptions(session: Record) -> list[Record]:
    """List the customer's subscriptions that aren't over, oldest first."""
    found = store.list_records("subscription").filter(data__customer=session.data["customer"])
    return [record for record in found.order_by("seq") if record.data["status"] not in OVER]


def list_choices(session: Record, subscription: Record) -> list[Choice]:
    """List the plans that a subscription may change to."""
    update, items = get_features(session)["subscription_update"], get_items(subscription)
    is_changeable = subscription.data["status"] == "active" and len(items) == 1
    if not update["enabled"] or "price" not in update["default_allowed_updates"] or not is_changeable:
        return []
    configuration = store.get_record("billing_portal.configuration", session.data["configuration"])
    prices = [
        store.get_object("price", price_id)
        for product in configuration.private["products"]
        for price_id in product["prices"]
    ]
    current = items[0]["price"]
    return [
        Choice(subscription, price)
        for price in prices
        if price["active"] and price["id"] != current["id"] and price["currency"] == current["currency"]
    ]


def find_choice(session: Record, subscription_id: str, price_id: str) -> Choice | None:
    for subscription in list_subscriptions(session):
        for choice in list_choices(session, subscription):
            if (subscription.id, choice.price["id"]) == (subscription_id, price_id):
                return choice
    return None


def describe_subscription(session: Record, subscription: Record) -> Json:
    """Return what the page shows of a subscription, and which changes of it."""
    data, price = subscription.data, get_items(subscription)[0]["price"]
    may_cancel = get_features(session)["subscription_cancel"]["enabled"]
    return {
        "id": subscription.id,
        **_describe_price(price),
        "status": data["status"].replace("_", " "),
        "ends_on": format_day(data["cancel_at"]) if data["cancel_at"] else None,
        "renews_on": format_day(get_period(subscription).end),
        "choices": [
            {"price": choice.price["id"], **_describe_price(choice.price)}
            for choice in list_choices(session, subscription)
        ],
        "may_cancel": may_cancel and not data["cancel_at"],
        "may_resume": may_cancel and bool(data["cancel_at"]),
    }


def _describe_price(price: Json) -> Json:
    rate = format_rate(price["unit_amount"], price["currency"], price["recurring"])
    return {"name": store.get_object("product", price["product"])["name"], "rate": rate}


def describe_choice(session: Record, choice: Choice) -> Json:
    """Return what a change to a plan comes to: what is due now, if anything, and when the plan is next charged."""
    params = choice.to_params(session)
    plan = plan_items(choice.subscription, params)
    due = 0
    if is_charged_at_once(plan, params):
        due = preview_change(choice.subscription, plan)["amount_due"]
    return {
        **_describe_price(choice.price),
        "due_now": format_amount(due, choice.price["currency"]),
        "next_on": format_day(plan.items[0]["current_period_end"]),
    }


def make_choice(session: Record, choice: Choice) -> str | None:
    """Change the plan. Return why the bank declined, in which case nothing has changed."""
    try:
        with store.writing():
            change_subscription(choice.subscription, choice.to_params(session))
    except ApiError as error:
        choice.subscription.refresh_from_db()
        return str(error)
    return None


def cancel_plan(session: Record, subscription: Record) -> None:
    """Cancel a subscription now or at its period's end, as the configuration says."""
    feature = get_features(session)["subscription_cancel"]
    if feature["mode"] == "at_period_end":
        _set_end(subscription, "min_period_end")
        return
    if feature["proration_behavior"] != "none":
        postpone_lines(subscription, list_credits(subscription, clock.get_now()))
    cancel(subscription, reason="cancellation_requested")
    if feature["proration_behavior"] == "always_invoice" and subscription.private["pending"]:
        collect(invoice_lines(subscription, [], clock.get_now()))


def resume_plan(subscription: Record) -> None:
    """Take a scheduled cancellation back."""
    _set_end(subscription, "")


def _set_end(subscription: Record, when: str) -> None:
    """Schedule the end, or none. As at Stripe, the portal sets `cancel_at` and leaves `cancel_at_period_end` alone."""
    fields = describe_end(subscription, when, is_flagged=False)
    report_change(subscription, store.change(subscription, **fields))
