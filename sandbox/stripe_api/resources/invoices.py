"""Read, preview, pay, void and write off invoices."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stripe import params as stripe_params

from sandbox import store
from sandbox.models import Record
from sandbox.payments import invoicing, subscription_states
from sandbox.payments.cards import AUTHENTICATION_REQUIRED
from sandbox.payments.collecting import collect, find_method
from sandbox.payments.pending_updates import discard_held
from sandbox.payments.previews import preview_change, preview_renewal
from sandbox.payments.saved_methods import require_own_method
from sandbox.payments.settling import note_settled
from sandbox.payments.states import WrongStateError
from sandbox.shapes import Json
from sandbox.stripe_api.errors import (
    ApiError,
    CardError,
    MissingParameterError,
    NoSuchObjectError,
    refuse_unsupported,
)
from sandbox.stripe_api.expansion import expands_by, expands_to
from sandbox.stripe_api.fields import find_in_parameter, find_in_path
from sandbox.stripe_api.lists import make_list, page_items, serve_reading
from sandbox.stripe_api.resources.subscription_updates import is_charged_at_once, plan_items
from sandbox.stripe_api.routing import Call, route

_PATH = "/v1/invoices"
_REQUIRES_ACTION = (
    "This payment requires additional user action before it can be completed successfully. Payment can be completed"
    " using the PaymentIntent associated with the invoice."
)
_PREVIEWED = ("items", "proration_behavior", "proration_date")
_OF_SUBSCRIPTION = "data__parent__subscription_details__subscription"
expands_to("invoice", customer="customer", default_payment_method="payment_method")
expands_to("", subscription="subscription")  # of `parent.subscription_details`, a part without a type
expands_to("line_item", subscription="subscription")
serve_reading(
    "invoice",
    *("collection_method", "customer", "status"),
    id_param="invoice",
    choose=lambda params: {_OF_SUBSCRIPTION: params["subscription"]} if "subscription" in params else {},
)


def _refuse_preview(subscription: Record) -> ApiError:
    message = f"No upcoming invoices for customer: {subscription.data['customer']}"
    return ApiError(message, status=404, code="invoice_upcoming_none")


def _list_payments(invoice: Json) -> Any:
    payments = store.list_records("invoice_payment").filter(data__invoice=invoice.get("id"))
    return make_list("/v1/invoice_payments", [payment.data for payment in payments])


def _describe_confirmation(invoice: Json) -> Any:
    """Return what a page needs to confirm the payment of an open invoice."""
    intent = invoicing.find_intent(store.get_record("invoice", invoice["id"]))
    return intent and {"client_secret": intent.data["client_secret"], "type": "payment_intent"}


expands_by("invoice", "payments", _list_payments)
# There never are any, but mirrors of what recurs ask for them.
for _type in ("invoice", "line_item", "subscription", "subscription_item"):
    expands_by(_type, "discounts", lambda owner: owner["discounts"])
expands_by("invoice", "confirmation_secret", _describe_confirmation)


def _find(call: Call) -> Record:
    return find_in_path("invoice", call.ids["id"], "invoice")


@contextmanager
def _refusing(invoice: Record, what: str) -> Iterator[None]:
    """Refuse what the invoice's status doesn't allow, in Stripe's words."""
    try:
        yield
    except WrongStateError:
        status = invoice.data["status"]
        if status == "paid":
            raise ApiError("Invoice is already paid", code="invoice_not_editable") from None
        raise ApiError(f"You can't {what} this invoice: its status is `{status}`.") from None


@route("GET", _PATH + "/{id}/lines", stripe_params.InvoiceListLinesParams)
def list_lines(call: Call) -> Json:
    return page_items(call, _find(call).private["lines"], "line_item")


@route("POST", _PATH + "/create_preview", stripe_params.InvoiceCreatePreviewParams)
def create_preview(call: Call) -> Json:
    """Preview a subscription's next invoice, or that of a change which isn't made."""
    params = call.params
    refuse_unsupported(params, params.keys() - {"customer", "expand", "subscription", "subscription_details"})
    if "subscription" not in params:
        raise MissingParameterError("subscription")
    subscription = find_in_parameter("subscription", params["subscription"], "subscription")
    if params.get("customer", subscription.data["customer"]) != subscription.data["customer"]:
        raise NoSuchObjectError("subscription", subscription.id, "subscription")
    details = params.get("subscription_details", {})
    refuse_unsupported(details, details.keys() - set(_PREVIEWED), "subscription_details")
    if subscription.data["status"] in subscription_states.OVER:
        raise _refuse_preview(subscription)
    plan = plan_items(subscription, details)
    if is_charged_at_once(plan, details):
        return preview_change(subscription, plan)
    if subscription.data["cancel_at"] is not None:
        raise _refuse_preview(subscription)
    return preview_renewal(subscription, plan)


@route("POST", _PATH + "/{id}/finalize", stripe_params.InvoiceFinalizeInvoiceParams)
def finalize(call: Call) -> Json:
    """Finalize a draft before its hour is over. Its collection stays as planned."""
    invoice = _find(call)
    with _refusing(invoice, "finalize"):
        invoicing.finalize(invoice)
    return dict(invoice.data)


@route("POST", _PATH + "/{id}/pay", stripe_params.InvoicePayParams)
def pay(call: Call) -> Json:
    """Charge an invoice now: a saved card, the given one or that which is meant for it."""
    invoice, params = _find(call), call.params
    refuse_unsupported(params, ("forgive", "mandate", "source"))
    with _refusing(invoice, "pay"):
        if params.get("paid_out_of_band"):
            invoicing.mark_paid_out_of_band(invoice)
            note_settled(invoice)
            return dict(invoice.data)
        if invoice.data["status"] == "draft":
            invoicing.finalize(invoice)
        invoicing.require_payable(invoice)
    method = None
    if "payment_method" in params:
        require_own_method(invoice.data["customer"], params["payment_method"], "payment_method")
        method = store.get_record("payment_method", params["payment_method"])
    _charge(invoice, method)
    return dict(invoice.data)


def _charge(invoice: Record, method: Record | None) -> None:
    """Collect an invoice. Raises CardError for a decline, which is kept, and ApiError if there is no card."""
    if invoice.data["amount_remaining"] and (method or find_method(invoice)) is None:
        raise ApiError(
            "There is no `default_payment_method` set on this Customer or Invoice. Please set either default before"
            " attempting to pay this Invoice.",
            code="resource_missing",
        )
    outcome = collect(invoice, method)
    if outcome.outcome == "succeeded":
        return
    intent = invoicing.find_intent(invoice)
    error = intent.data["last_payment_error"] if intent else None
    if error is None:  # the card's bank wants to see its owner
        error = AUTHENTICATION_REQUIRED.to_error()
        error.update(code="invoice_payment_intent_requires_action", message=_REQUIRES_ACTION)
    raise CardError(error)


@route("POST", _PATH + "/{id}/void", stripe_params.InvoiceVoidInvoiceParams)
def void(call: Call) -> Json:
    invoice = _find(call)
    with _refusing(invoice, "void"):
        invoicing.void(invoice)
    discard_held(invoice)
    note_settled(invoice)
    return dict(invoice.data)


@route("POST", _PATH + "/{id}/mark_uncollectible", stripe_params.InvoiceMarkUncollectibleParams)
def mark_uncollectible(call: Call) -> Json:
    invoice = _find(call)
    with _refusing(invoice, "mark as uncollectible"):
        invoicing.mark_uncollectible(invoice)
    note_settled(invoice)
    return dict(invoice.data)
