"""Change a subscription as a request asks: its fields, its end, and its items, which may have to be paid at once."""

from typing import Any

from sandbox import clock, store
from sandbox.models import Record
from sandbox.payments.collecting import collect
from sandbox.payments.invoicing import find_intent
from sandbox.payments.pending_updates import hold_plan, is_held, show_pending
from sandbox.payments.saved_methods import require_own_method
from sandbox.payments.subscription_changes import Plan, apply_plan, invoice_lines, plan_change, postpone_lines
from sandbox.payments.subscription_states import OVER
from sandbox.payments.subscriptions import describe_end, get_period
from sandbox.shapes import Json
from sandbox.stripe_api.errors import ApiError, InvalidParameterError, refuse_unsupported
from sandbox.stripe_api.fields import merge_metadata, pick_fields
from sandbox.stripe_api.resources.subscription_items import read_items

_SUPPORTED = """
    cancel_at cancel_at_period_end cancellation_details default_payment_method description expand items metadata
    off_session payment_behavior proration_behavior proration_date
""".split()
_WHEN_CANCELED = ("cancellation_details", "expand", "metadata")
_ON_HOLD = ("expand", "items", "off_session", "payment_behavior", "proration_behavior", "proration_date")


def change_subscription(subscription: Record, params: dict[str, Any]) -> None:
    """Change a subscription, and collect what that costs. Raises ApiError."""
    refuse_unsupported(params, params.keys() - set(_SUPPORTED))
    behavior = params.get("payment_behavior", "allow_incomplete")
    _check(subscription, params, behavior)
    plan = plan_items(subscription, params)
    metadata = merge_metadata(subscription.data["metadata"], params.get("metadata"))
    fields = {**_read_fields(subscription, params), **_read_end(subscription, params)}
    latest = subscription.data["latest_invoice"]
    previous = store.change(subscription, **fields, metadata=metadata)
    if not is_charged_at_once(plan, params):
        postpone_lines(subscription, plan.lines)
        apply_plan(subscription, plan, previous)
        return
    if behavior == "pending_if_incomplete":
        invoice = hold_plan(subscription, plan)
    else:
        invoice = invoice_lines(subscription, plan.lines, plan.at)
        apply_plan(subscription, plan, {**previous, "latest_invoice": latest})
    _collect(subscription, invoice, behavior)


def plan_items(subscription: Record, params: dict[str, Any]) -> Plan:
    """Work out what a request changes about the items. Raises ApiError."""
    period = get_period(subscription)
    at = params.get("proration_date", min(clock.get_now(), period.end))
    if not period.start <= at <= period.end:
        message = "The proration date must be within the current period of the subscription."
        raise InvalidParameterError(message, param="proration_date")
    changed = read_items(subscription, params.get("items", []))
    return plan_change(subscription, changed, params.get("proration_behavior", "create_prorations"), at)


def is_charged_at_once(plan: Plan, params: dict[str, Any]) -> bool:
    is_asked = params.get("proration_behavior") == "always_invoice"
    return bool(plan.lines) and (plan.begins_cycle or is_asked)


def _check(subscription: Record, params: dict[str, Any], behavior: str) -> None:
    if subscription.data["status"] in OVER and not params.keys() <= set(_WHEN_CANCELED):
        raise ApiError("A canceled subscription can only update its cancellation_details and metadata.")
    if behavior == "default_incomplete":
        message = "The local sandbox doesn't support `payment_behavior=default_incomplete`."
        raise InvalidParameterError(message, param="payment_behavior")
    others = params.keys() - set(_ON_HOLD)
    if behavior == "pending_if_incomplete" and others:
        param = min(others)
        raise ApiError(
            f"You can't pass `{param}` with `payment_behavior=pending_if_incomplete`: it can't be pending.",
            param=param,
        )
    if is_held(subscription) and "items" in params:
        raise ApiError("This subscription has a pending update: pay or void its invoice first.")


def _read_fields(subscription: Record, params: dict[str, Any]) -> Json:
    if params.get("default_payment_method"):
        customer = subscription.data["customer"]
        require_own_method(customer, params["default_payment_method"], "default_payment_method")
    fields = pick_fields(params, ("default_payment_method", "description"))
    if "cancellation_details" in params:
        details = read_cancellation_details(params)
        fields["cancellation_details"] = {**subscription.data["cancellation_details"], **details}
    return fields


def read_cancellation_details(params: dict[str, Any]) -> Json:
    """Return what the customer said about leaving."""
    return pick_fields(params.get("cancellation_details", {}), ("comment", "feedback"))


def _read_end(subscription: Record, params: dict[str, Any]) -> Json:
    """Return the fields that schedule a subscription's end, or take it back. Raises ApiError."""
    if "cancel_at" in params and "cancel_at_period_end" in params:
        raise ApiError("You may only specify one of these parameters: cancel_at, cancel_at_period_end.")
    if "cancel_at" not in params and "cancel_at_period_end" not in params:
        return {}
    given = params.get("cancel_at", "min_period_end" if params.get("cancel_at_period_end") else "")
    if isinstance(given, int) and given <= clock.get_now():
        raise InvalidParameterError("`cancel_at` must be in the future.", param="cancel_at")
    return describe_end(subscription, given, is_flagged=params.get("cancel_at_period_end", False))


def _collect(subscription: Record, invoice: Record, behavior: str) -> None:
    """Charge a change's invoice, and do as asked if that fails. Raises ApiError, which undoes everything."""
    outcome = collect(invoice)
    subscription.refresh_from_db()
    if outcome.outcome == "succeeded":
        return
    if behavior == "pending_if_incomplete":
        show_pending(subscription)
    elif behavior == "error_if_incomplete":
        intent = find_intent(invoice)
        error = intent.data["last_payment_error"] if intent else None
        raise ApiError(
            outcome.message or "This payment requires additional user action.",
            status=402,
            type="card_error",
            code=error["code"] if error else "subscription_payment_intent_requires_action",
            details={"decline_code": outcome.decline_code},
        )
