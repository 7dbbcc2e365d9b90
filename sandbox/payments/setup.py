"""Move setup intents, by which a card is saved without a payment, through attempts to success or cancellation."""

from typing import Any

from sandbox import ids, store
from sandbox.models import Record
from sandbox.payments import methods, saved_methods
from sandbox.payments.cards import UNAUTHENTICATED_SETUP
from sandbox.payments.intents import describe_redirect
from sandbox.shapes import Json, make_object
from sandbox.webhooks.events import emit

_TYPE = "setup_intent"


def create_setup_intent(**fields: Any) -> Record:
    intent = make_object(_TYPE, **fields)
    intent["client_secret"] = f"{intent['id']}_secret_{ids.make_token(35)}"
    record = store.add_object(intent)
    emit("setup_intent.created", record.data)
    return record


def set_up(intent: Record, method: Record, url: str, return_url: str) -> None:
    """Try to save a card. The intent's status tells how that ended; at `url` its bank may ask for 3-D Secure."""
    decline = methods.find_decline(method)
    card = methods.get_test_card(method)
    if decline is not None and not card.can_be_saved:
        _fail(intent, method, decline.to_error())
    elif card.needs_authentication:
        fields = {"payment_method": method.id, "last_setup_error": None}
        store.change(
            intent, status="requires_action", next_action=describe_redirect(url, return_url), **fields
        )
        emit("setup_intent.requires_action", intent.data)
    else:
        _succeed(intent, method)


def authenticate_setup(intent: Record, *, passed: bool) -> None:
    """Pass or fail the 3-D Secure that the intent waits for."""
    method = store.get_record("payment_method", intent.data["payment_method"])
    if passed:
        _succeed(intent, method)
    else:
        _fail(intent, method, {**UNAUTHENTICATED_SETUP.to_error(), "type": "invalid_request_error"})


def cancel_setup(intent: Record) -> None:
    store.change(intent, status="canceled", cancellation_reason="abandoned", next_action=None)
    emit("setup_intent.canceled", intent.data)


def _succeed(intent: Record, method: Record) -> None:
    fields = {"payment_method": method.id, "last_setup_error": None, "next_action": None}
    store.change(intent, status="succeeded", **fields)
    emit("setup_intent.succeeded", intent.data)
    saved_methods.note_setup(method)
    if saved_methods.can_save_for(intent.data["customer"]) and method.data["customer"] is None:
        saved_methods.attach(method, intent.data["customer"], allow_redisplay="always")


def _fail(intent: Record, method: Record, error: Json) -> None:
    doc_url = f"https://stripe.com/docs/error-codes/{error['code'].replace('_', '-')}"
    store.change(
        intent,
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_setup_error={**error, "doc_url": doc_url, "payment_method": method.data},
    )
    emit("setup_intent.setup_failed", intent.data)
