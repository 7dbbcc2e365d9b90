"""Pay, settle, fail and expire checkout sessions."""

from sandbox import store
from sandbox.models import Record
from sandbox.payments import (
    charges,
    disputes,
    intents,
    invoices,
    methods,
    saved_methods,
    setup,
    setup_sessions,
)
from sandbox.payments.buyers import Buyer, get_email, offers_saving, save_buyer
from sandbox.payments.cards import BANK_REFUSED, CardDetails
from sandbox.payments.completing import complete_session
from sandbox.payments.invoicing import emit_events_of_paid
from sandbox.payments.outcomes import Outcome
from sandbox.payments.states import WrongStateError, require_status
from sandbox.payments.subscription_checkouts import is_subscription, open_subscription
from sandbox.payments.totals import add_up_again, needs_address
from sandbox.shapes import Json
from sandbox.webhooks.events import emit

_TYPE = "checkout.session"


def get_session(session_id: str) -> Record:
    """Return a session, expired if it is due. Raises Record.DoesNotExist."""
    expire_due_sessions()
    return store.get_record(_TYPE, session_id)


def pay_by_card(session: Record, card: CardDetails, buyer: Buyer) -> Outcome:
    """Try a new card. Call inside `store.writing()`. Raises WrongStateError unless the session is open."""
    require_status(session, "open")
    if setup_sessions.is_setup(session):
        return setup_sessions.save_card(session, card, buyer)
    intent = _begin_attempt(session, buyer)
    return _try(session, intent, methods.create_card_method(card, get_email(session), buyer.address))


def pay_by_saved_card(session: Record, method_id: str, buyer: Buyer) -> Outcome:
    """Try one of the customer's cards. Raises WrongStateError unless the session is open and offers this card."""
    require_status(session, "open")
    offered = {method.id: method for method in list_offered(session)}
    if method_id not in offered:
        raise WrongStateError("the session doesn't offer this card")
    return _try(session, _begin_attempt(session, buyer), offered[method_id])


def list_offered(session: Record) -> list[Record]:
    """List the customer's saved cards that the page offers, newest first."""
    customer_id, options = session.private["customer"], session.data["saved_payment_method_options"]
    if customer_id is None or setup_sessions.is_setup(session):
        return []
    shown = (options or {}).get("allow_redisplay_filters") or ["always"]
    return [
        method
        for method in saved_methods.list_methods(customer_id)
        if method.data["type"] == "card" and method.data["allow_redisplay"] in shown
    ]


def _try(session: Record, intent: Record, method: Record) -> Outcome:
    if methods.get_test_card(method).needs_authentication:
        url = session.data["url"]
        intents.require_authentication(intent, method.data, f"{url}/authenticate", url)
        return Outcome("requires_action")
    reason = methods.find_decline(method)
    if reason is not None:
        intents.decline(intent, method.data, reason)
        return Outcome.declined(reason)
    return _finish_paid(session, intent, method.data)


def authenticate(session: Record, *, passed: bool) -> Outcome:
    """Pass or fail 3-D Secure. Raises WrongStateError if it isn't asked for."""
    require_status(session, "open")
    if setup_sessions.is_setup(session):
        return setup_sessions.authenticate_card(session, passed=passed)
    intent = _require_intent(session, "requires_action")
    method = store.get_object("payment_method", intent.data["payment_method"])
    if not passed:
        intents.fail_authentication(intent, method)
        return Outcome.of_error(intent.data["last_payment_error"])
    return _finish_paid(session, intent, method, is_authenticated=True)


def pay_by_bank(session: Record, buyer: Buyer) -> Outcome:
    """Pay by a method that takes days: the session completes unpaid. Raises WrongStateError unless it is open."""
    require_status(session, "open")
    if setup_sessions.is_setup(session):
        raise WrongStateError("the session saves cards only")
    if is_subscription(session):
        raise WrongStateError("the sandbox's subscriptions are paid by card")
    intent = _begin_attempt(session, buyer)
    method = methods.create_bank_method(get_email(session), buyer.name).data
    intents.start_processing(intent, method)
    complete_session(session, payment_status="unpaid")
    return Outcome("processing")


def complete_free(session: Record, buyer: Buyer) -> Outcome:
    """Complete a session without payment. Raises WrongStateError unless it is open and free."""
    require_status(session, "open")
    if not is_free(session):
        raise WrongStateError("the session isn't free")
    save_buyer(session, buyer)
    if is_subscription(session):
        open_subscription(session, None, None)
    complete_session(session, payment_status="no_payment_required")
    return Outcome("no_payment_required")


def settle_delayed(session: Record) -> Outcome:
    """Let a delayed payment arrive. Raises WrongStateError if none is processing."""
    charge = intents.settle(_require_intent(session, "processing"))
    invoice = _create_invoice(session)
    store.change(session, payment_status="paid")
    emit("checkout.session.async_payment_succeeded", session.data)
    if invoice:
        emit_events_of_paid(invoice)
    charges.settle_charge(charge)
    return Outcome("succeeded")


def fail_delayed(session: Record) -> Outcome:
    """Let the bank refuse a delayed payment. Raises WrongStateError if none is processing."""
    intents.fail_late(_require_intent(session, "processing"), BANK_REFUSED)
    emit("checkout.session.async_payment_failed", session.data)
    return Outcome.declined(BANK_REFUSED)


def expire_session(session: Record) -> Outcome:
    """Expire a session. Raises WrongStateError unless it is open."""
    require_status(session, "open")
    session.due = None
    store.change(session, status="expired", url=None)
    intent = setup_sessions.find_setup_intent(session)
    if intent is not None:
        setup.cancel_setup(intent)
    emit("checkout.session.expired", session.data)
    return Outcome("expired")


def expire_due_sessions() -> None:
    store.act_on_overdue(_TYPE, expire_session)


def is_free(session: Record) -> bool:
    """Tell whether a session asks neither for a payment nor for a card."""
    data = session.data
    return bool(data["amount_total"] == 0 and data["payment_method_collection"] != "always")


def find_intent(session: Record) -> Record | None:
    """Find the intent of an earlier attempt. A subscription's session doesn't show it, as its invoice does."""
    intent_id = session.data["payment_intent"] or session.private.get("payment_intent")
    return store.get_record("payment_intent", intent_id) if intent_id else None


def _require_intent(session: Record, status: str) -> Record:
    intent = find_intent(session)
    if intent is None:
        raise WrongStateError("the session has no payment intent")
    require_status(intent, status)
    return intent


def quote_tax(session: Record, buyer: Buyer) -> bool:
    """Save who pays, and tell whether their address changes the total. Call inside `store.writing()`."""
    if not session.data["automatic_tax"]["enabled"]:
        return False
    before = session.data["amount_total"]
    save_buyer(session, buyer)
    add_up_again(session)
    return bool(session.data["amount_total"] != before)


def _begin_attempt(session: Record, buyer: Buyer) -> Record:
    """Return the intent of an earlier attempt, or a new one."""
    if buyer.saves_card and not offers_saving(session.data):
        raise WrongStateError("the session doesn't offer to save the card")
    save_buyer(session, buyer)
    if needs_address(session.data, session.private["customer_details"]):
        raise WrongStateError("the session needs the buyer's address to calculate tax")
    add_up_again(session)
    intent = find_intent(session)
    if intent is not None and intent.data["amount"] != session.data["amount_total"]:
        store.change(intent, amount=session.data["amount_total"])
    if intent is None:
        intent = create_intent(session)
        if is_subscription(session):
            session.private["payment_intent"] = intent.id
            session.save()
        else:
            store.change(session, payment_intent=intent.id)
    elif intent.data["customer"] != session.private["customer"]:
        store.change(intent, customer=session.private["customer"])
    limited = "limited" if intent.data["setup_future_usage"] else None
    intents.save_on_success(intent, "always" if buyer.saves_card else limited)
    return intent


def create_intent(session: Record) -> Record:
    """Create an intent for a session's total, with the fields given when the session was created."""
    return intents.create_intent(
        session.data["amount_total"],
        session.data["currency"],
        customer=session.private["customer"],
        payment_method_types=session.data["payment_method_types"],
        **session.private["payment_intent_data"],
    )


def _finish_paid(session: Record, intent: Record, method: Json, *, is_authenticated: bool = False) -> Outcome:
    charge = intents.succeed(intent, method, is_authenticated=is_authenticated)
    if is_subscription(session):
        open_subscription(session, intent, method["id"])
    invoice = _create_invoice(session)
    complete_session(session, payment_status="paid")
    if invoice:
        emit_events_of_paid(invoice)
    charges.settle_charge(charge)
    disputes.dispute_if_card_does(charge)
    return Outcome("succeeded")


def _create_invoice(session: Record) -> Record | None:
    """Create the invoice of a session that has just been paid, if it asked for one."""
    intent = find_intent(session)
    if intent is None or is_subscription(session) or not session.data["invoice_creation"]["enabled"]:
        return None
    invoice = invoices.create_invoice(session, intent)
    store.change(session, invoice=invoice.id)
    return invoice
