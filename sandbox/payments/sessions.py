"""Pay, settle, fail and expire checkout sessions."""

from dataclasses import dataclass

from sandbox import store
from sandbox.models import Record
from sandbox.payments import charges, disputes, intents, invoices, methods
from sandbox.payments.cards import BANK_REFUSED, CardDetails, Decline, find_card
from sandbox.payments.customers import create_customer
from sandbox.payments.states import WrongStateError, require_status
from sandbox.shapes import Json, make_part
from sandbox.webhooks.events import emit

_TYPE = "checkout.session"


@dataclass(frozen=True)
class Buyer:
    """Hold what the page asks about the buyer."""

    email: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Outcome:
    """Tell how an attempt to pay ended: `succeeded`, `declined`, `requires_action`, `processing` …"""

    outcome: str
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None

    @classmethod
    def declined(cls, reason: Decline) -> "Outcome":
        return cls("declined", reason.code, reason.decline_code, reason.message)


def get_session(session_id: str) -> Record:
    """Return a session, expired if it is due. Raises Record.DoesNotExist."""
    expire_due_sessions()
    return store.get_record(_TYPE, session_id)


def pay_by_card(session: Record, card: CardDetails, buyer: Buyer) -> Outcome:
    """Try a card. Call inside `store.writing()`. Raises WrongStateError unless the session is open."""
    require_status(session, "open")
    known = find_card(card.number)
    intent = _begin_attempt(session, buyer)
    method = methods.create_card_method(card, buyer.email).data
    if known.needs_authentication:
        url = session.data["url"]
        intents.require_authentication(intent, method, f"{url}/authenticate", url)
        return Outcome("requires_action")
    if known.decline is not None:
        intents.decline(intent, method, known.decline)
        return Outcome.declined(known.decline)
    return _finish_paid(session, intents.succeed(intent, method))


def authenticate(session: Record, *, passed: bool) -> Outcome:
    """Pass or fail 3-D Secure. Raises WrongStateError if it isn't asked for."""
    require_status(session, "open")
    intent = _require_intent(session, "requires_action")
    method = store.get_object("payment_method", intent.data["payment_method"])
    if not passed:
        intents.fail_authentication(intent, method)
        error = intent.data["last_payment_error"]
        return Outcome("declined", error["code"], None, error["message"])
    return _finish_paid(session, intents.succeed(intent, method, is_authenticated=True))


def pay_by_bank(session: Record, buyer: Buyer) -> Outcome:
    """Pay by a method that takes days: the session completes unpaid. Raises WrongStateError unless it is open."""
    require_status(session, "open")
    intent = _begin_attempt(session, buyer)
    method = methods.create_bank_method(buyer.email, buyer.name).data
    intents.start_processing(intent, method)
    _complete(session, payment_status="unpaid")
    return Outcome("processing")


def complete_free(session: Record, buyer: Buyer) -> Outcome:
    """Complete a session without payment. Raises WrongStateError unless it is open and free."""
    require_status(session, "open")
    if session.data["amount_total"] != 0:
        raise WrongStateError("the session isn't free")
    _save_buyer(session, buyer)
    _complete(session, payment_status="no_payment_required")
    return Outcome("no_payment_required")


def settle_delayed(session: Record) -> Outcome:
    """Let a delayed payment arrive. Raises WrongStateError if none is processing."""
    charge = intents.settle(_require_intent(session, "processing"))
    invoice = _create_invoice(session)
    store.change(session, payment_status="paid")
    emit("checkout.session.async_payment_succeeded", session.data)
    if invoice:
        invoices.emit_events(invoice)
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
    emit("checkout.session.expired", session.data)
    return Outcome("expired")


def expire_due_sessions() -> None:
    store.act_on_overdue(_TYPE, expire_session)


def find_intent(session: Record) -> Record | None:
    intent_id = session.data["payment_intent"]
    return store.get_record("payment_intent", intent_id) if intent_id else None


def _require_intent(session: Record, status: str) -> Record:
    intent = find_intent(session)
    if intent is None:
        raise WrongStateError("the session has no payment intent")
    require_status(intent, status)
    return intent


def _begin_attempt(session: Record, buyer: Buyer) -> Record:
    """Return the intent of an earlier attempt, or a new one."""
    _save_buyer(session, buyer)
    intent = find_intent(session)
    if intent is None:
        intent = create_intent(session)
        store.change(session, payment_intent=intent.id)
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


def _save_buyer(session: Record, buyer: Buyer) -> None:
    """Save who pays, and create a customer if the session asks for one."""
    details: Json = session.private["customer_details"] or make_part("customer_details")
    details.update({name: value for name, value in vars(buyer).items() if value})
    session.private["customer_details"] = details
    wanted = session.data["customer_creation"] == "always" or session.data["invoice_creation"]["enabled"]
    if session.private["customer"] is None and wanted:
        session.private["customer"] = create_customer(email=details["email"], name=details["name"]).id
    session.save()


def _finish_paid(session: Record, charge: Record) -> Outcome:
    invoice = _create_invoice(session)
    _complete(session, payment_status="paid")
    if invoice:
        invoices.emit_events(invoice)
    charges.settle_charge(charge)
    disputes.dispute_if_card_does(charge)
    return Outcome("succeeded")


def _create_invoice(session: Record) -> Record | None:
    """Create the invoice of a session that has just been paid, if it asked for one."""
    intent = find_intent(session)
    if intent is None or not session.data["invoice_creation"]["enabled"]:
        return None
    invoice = invoices.create_invoice(session, intent.data)
    store.change(session, invoice=invoice.id)
    return invoice


def _complete(session: Record, *, payment_status: str) -> None:
    session.due = None
    store.change(
        session,
        status="complete",
        payment_status=payment_status,
        url=None,
        customer=session.private["customer"],
        customer_details=session.private["customer_details"],
    )
    emit("checkout.session.completed", session.data)
