"""Move payment intents from creation through attempts to payment. The order of events is Stripe's."""

from typing import Any

from sandbox import clock, ids, store
from sandbox.models import Record
from sandbox.payments import charges, saved_methods
from sandbox.payments.cards import UNAUTHENTICATED, Decline
from sandbox.shapes import Json, make_object
from sandbox.webhooks.events import emit


def create_intent(amount: int, currency: str, **fields: Any) -> Record:
    intent = make_object("payment_intent", amount=amount, currency=currency, **fields)
    intent["client_secret"] = f"{intent['id']}_secret_{ids.make_token(25)}"
    record = store.add_object(intent)
    emit("payment_intent.created", record.data)
    return record


def succeed(intent: Record, method: Json, *, is_authenticated: bool = False) -> Record:
    """Take the money. Return the charge, which is still to be settled."""
    paid = charges.make_paid_fields(intent.data["amount"])
    charge = charges.create_charge(intent.data, method, **paid)
    if is_authenticated:
        charges.note_authentication(charge)
    emit("charge.succeeded", charge.data)
    _mark_succeeded(intent, charge, method, is_authenticated=is_authenticated)
    return charge


def _mark_succeeded(intent: Record, charge: Record, method: Json, *, is_authenticated: bool = False) -> None:
    _save_or_spend(intent, store.get_record("payment_method", method["id"]), is_authenticated)
    store.change(
        intent,
        status="succeeded",
        amount_received=intent.data["amount"],
        latest_charge=charge.id,
        payment_method=method["id"],
        last_payment_error=None,
        next_action=None,
        processing=None,
    )
    emit("payment_intent.succeeded", intent.data)


def _save_or_spend(intent: Record, method: Record, is_authenticated: bool) -> None:
    """Save the method for the customer if the buyer or the merchant asked for it. Otherwise it has had its only use."""
    customer_id, redisplay = intent.data["customer"], intent.private.get("allow_redisplay")
    if not saved_methods.can_save_for(customer_id) or not (redisplay or intent.data["setup_future_usage"]):
        if method.data["customer"] is None:
            saved_methods.spend(method)
        return
    if is_authenticated:
        saved_methods.note_setup(method)
    if method.data["customer"] is None:
        saved_methods.attach(method, customer_id, allow_redisplay=redisplay or "unspecified")


def save_on_success(intent: Record, allow_redisplay: str | None) -> None:
    """Save the method of the attempt that begins, if it succeeds; None: don't."""
    intent.private["allow_redisplay"] = allow_redisplay
    intent.save()


def describe_redirect(url: str, return_url: str | None) -> Json:
    """Return the `next_action` that sends the buyer to their bank."""
    if return_url is None:
        return {
            "type": "use_stripe_sdk",
            "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url},
        }
    return {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}}


def decline(intent: Record, method: Json, reason: Decline) -> None:
    """Add a failed charge; the intent waits for another payment method."""
    charge = charges.create_charge(intent.data, method, **charges.make_failed_fields(reason))
    emit("charge.failed", charge.data)
    _mark_failed(intent, method, {**reason.to_error(), "charge": charge.id})


def require_authentication(intent: Record, method: Json, url: str, return_url: str | None) -> None:
    """Send the buyer to their bank (3-D Secure)."""
    action = describe_redirect(url, return_url)
    fields = {"payment_method": method["id"], "last_payment_error": None}
    store.change(intent, status="requires_action", next_action=action, **fields)
    emit("payment_intent.requires_action", intent.data)


def fail_authentication(intent: Record, method: Json) -> None:
    """Fail an attempt without a charge: the buyer didn't pass 3-D Secure."""
    _mark_failed(intent, method, {**UNAUTHENTICATED.to_error(), "type": "invalid_request_error"})


def refuse_action(intent: Record, method: Json, reason: Decline) -> None:
    """Fail an attempt without a charge: it would have had to ask for 3-D Secure."""
    _mark_failed(intent, method, reason.to_error())


def cancel(intent: Record, reason: str | None) -> None:
    store.change(
        intent,
        status="canceled",
        canceled_at=clock.get_now(),
        cancellation_reason=reason,
        next_action=None,
    )
    emit("payment_intent.canceled", intent.data)


def start_processing(intent: Record, method: Json) -> None:
    """Start a delayed payment. Its charge is pending until the bank answers, days later."""
    charge = charges.create_charge(intent.data, method, **charges.make_pending_fields())
    fields = {"payment_method": method["id"], "latest_charge": charge.id, "last_payment_error": None}
    store.change(intent, status="processing", **fields)
    emit("payment_intent.processing", intent.data)
    emit("charge.pending", charge.data)


def settle(intent: Record) -> Record:
    """Complete a delayed payment. Return the charge."""
    charge = store.get_record("charge", intent.data["latest_charge"])
    store.change(charge, **charges.make_paid_fields(intent.data["amount"]))
    emit("charge.succeeded", charge.data)
    _mark_succeeded(intent, charge, store.get_object("payment_method", intent.data["payment_method"]))
    return charge


def fail_late(intent: Record, reason: Decline) -> None:
    """Fail a delayed payment."""
    charge = store.get_record("charge", intent.data["latest_charge"])
    store.change(charge, **charges.make_failed_fields(reason))
    emit("charge.failed", charge.data)
    method = store.get_object("payment_method", intent.data["payment_method"])
    error = {**reason.to_error(), "type": "invalid_request_error", "charge": charge.id}
    _mark_failed(intent, method, error)


def _mark_failed(intent: Record, method: Json, error: Json) -> None:
    doc_url = f"https://stripe.com/docs/error-codes/{error['code'].replace('_', '-')}"
    store.change(
        intent,
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_payment_error={**error, "doc_url": doc_url, "payment_method": method},
        latest_charge=error.get("charge") or intent.data["latest_charge"],
    )
    emit("payment_intent.payment_failed", intent.data)
