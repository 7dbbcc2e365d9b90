"""Checkout sessions on their way through payment: what paying, settling, failing and expiring do."""

from dataclasses import dataclass
from typing import Any

from sandbox import store
from sandbox.models import Record
from sandbox.payments import charges, disputes, intents, invoices, methods
from sandbox.payments.cards import BANK_REFUSED, Behaviour, CardDetails, Decline, find_card
from sandbox.payments.customers import create_customer
from sandbox.shapes import Json
from sandbox.webhooks.events import emit


class NotPayableError(Exception):
    """The session is not in a state for this; the message says which it is in."""


@dataclass(frozen=True)
class Buyer:
    """Who pays, as far as the page asks."""

    email: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Outcome:
    """How an attempt to pay ended: `succeeded`, `declined`, `requires_action`, `processing` …"""

    outcome: str
    code: str | None = None
    decline_code: str | None = None
    message: str | None = None

    @classmethod
    def declined(cls, reason: Decline) -> "Outcome":
        return cls("declined", reason.code, reason.decline_code, reason.message)


def get_session(session_id: str) -> Record:
    """The session as time has left it: what should have expired by now, has. Raises Record.DoesNotExist."""
    expire_due_sessions()
    return store.get_record("checkout.session", session_id)


def pay_by_card(session: Record, card: CardDetails, buyer: Buyer) -> Outcome:
    """Try a card. Call inside `store.writing()`. Raises NotPayableError."""
    require_open(session)
    known = find_card(card.number)
    intent = _begin_attempt(session, buyer)
    method = methods.create_card_method(card, buyer.email, intent.data["customer"]).data
    base_url = session.private["base_url"]
    if known.behaviour is Behaviour.AUTHENTICATES:
        url = session.data["url"]
        intents.ask_for_authentication(intent, method, f"{url}/authenticate", url)
        return Outcome("requires_action")
    if known.decline is not None:
        intents.decline(intent, method, known.decline, base_url)
        return Outcome.declined(known.decline)
    return _finish_paid(session, intents.succeed(intent, method, base_url))


def authenticate(session: Record, *, passed: bool) -> Outcome:
    """The buyer's answer to 3-D Secure. Raises NotPayableError when none is asked for."""
    require_open(session)
    intent = find_intent(session)
    if intent is None or intent.data["status"] != "requires_action":
        raise NotPayableError("no authentication is asked for")
    method = store.get_object("payment_method", intent.data["payment_method"])
    if not passed:
        intents.fail_authentication(intent, method)
        error = intent.data["last_payment_error"]
        return Outcome("declined", error["code"], None, error["message"])
    base_url = session.private["base_url"]
    return _finish_paid(session, intents.succeed(intent, method, base_url, is_authenticated=True))


def pay_by_bank(session: Record, buyer: Buyer) -> Outcome:
    """Pay by a method that takes days: the session is complete, the money is not there.

    Raises NotPayableError.
    """
    require_open(session)
    intent = _begin_attempt(session, buyer)
    method = methods.create_bank_method(buyer.email, buyer.name, intent.data["customer"]).data
    intents.start_processing(intent, method, session.private["base_url"])
    _complete(session, payment_status="unpaid")
    return Outcome("processing")


def complete_free(session: Record, buyer: Buyer) -> Outcome:
    """Complete a session that asks for no money. Raises NotPayableError when it does ask for some."""
    require_open(session)
    if session.data["amount_total"] != 0:
        raise NotPayableError("this session is not free")
    _note_buyer(session, buyer)
    _complete(session, payment_status="no_payment_required")
    return Outcome("no_payment_required")


def settle_delayed(session: Record) -> Outcome:
    """The bank has paid. Raises NotPayableError unless it was being waited for."""
    intent = _require_processing(session)
    charge = intents.settle(intent)
    invoice = _make_out_invoice(session)
    store.change(session, payment_status="paid")
    emit("checkout.session.async_payment_succeeded", session.data)
    if invoice:
        invoices.tell_of_invoice(invoice)
    charges.settle_charge(charge)
    return Outcome("succeeded")


def fail_delayed(session: Record) -> Outcome:
    """The bank has refused. Raises NotPayableError unless it was being waited for."""
    intents.fail_late(_require_processing(session), BANK_REFUSED)
    emit("checkout.session.async_payment_failed", session.data)
    return Outcome.declined(BANK_REFUSED)


def expire_session(session: Record) -> None:
    """Close an open session. Raises NotPayableError when it isn't."""
    require_open(session)
    session.due = None
    store.change(session, status="expired", url=None)
    emit("checkout.session.expired", session.data)


def expire_due_sessions() -> None:
    """Close the sessions whose time is up by the sandbox's clock."""
    overdue = store.list_overdue("checkout.session")
    if not overdue.exists():
        return
    with store.writing():
        for session in overdue.all():
            expire_session(session)


def find_intent(session: Record) -> Record | None:
    intent_id = session.data["payment_intent"]
    return store.get_record("payment_intent", intent_id) if intent_id else None


def require_open(session: Record) -> None:
    """Raises NotPayableError for a session that is complete or expired."""
    if session.data["status"] != "open":
        raise NotPayableError(f"the session is {session.data['status']}")


def _require_processing(session: Record) -> Record:
    intent = find_intent(session)
    if intent is None or intent.data["status"] != "processing":
        raise NotPayableError("no delayed payment is being waited for")
    return intent


def _begin_attempt(session: Record, buyer: Buyer) -> Record:
    """The intent to try with: the one of an earlier attempt, or a new one."""
    _note_buyer(session, buyer)
    intent = find_intent(session)
    if intent is None:
        intent = make_intent(session)
        store.change(session, payment_intent=intent.id)
    return intent


def make_intent(session: Record) -> Record:
    """Create an intent for what a session sells, with all that was said of it when the session was made."""
    given: dict[str, Any] = dict(session.private["payment_intent_data"])
    return intents.create_intent(
        session.data["amount_total"],
        session.data["currency"],
        customer=session.private["customer"],
        payment_method_types=session.data["payment_method_types"],
        **given,
    )


def _note_buyer(session: Record, buyer: Buyer) -> None:
    """Remember who pays, and make a customer of them where the session asks for one."""
    details: Json = dict(session.private["customer_details"] or _EMPTY_DETAILS)
    details.update({name: value for name, value in vars(buyer).items() if value})
    session.private["customer_details"] = details
    wanted = session.data["customer_creation"] == "always" or session.data["invoice_creation"]["enabled"]
    if session.private["customer"] is None and wanted:
        session.private["customer"] = create_customer(email=details["email"], name=details["name"]).id
    session.save()


_EMPTY_DETAILS: Json = {
    "address": None,
    "business_name": None,
    "email": None,
    "individual_name": None,
    "name": None,
    "phone": None,
    "tax_exempt": "none",
    "tax_ids": [],
}


def make_customer_details(email: str | None, name: str | None = None) -> Json:
    """The buyer's details as a session shows them."""
    return {**_EMPTY_DETAILS, "email": email, "name": name}


def _finish_paid(session: Record, charge: Record) -> Outcome:
    invoice = _make_out_invoice(session)
    _complete(session, payment_status="paid")
    if invoice:
        invoices.tell_of_invoice(invoice)
    charges.settle_charge(charge)
    disputes.dispute_if_card_does(charge)
    return Outcome("succeeded")


def _make_out_invoice(session: Record) -> Record | None:
    """The invoice of a session that has just been paid, where one was asked for. The session names it."""
    intent = find_intent(session)
    if intent is None or not session.data["invoice_creation"]["enabled"]:
        return None
    invoice = invoices.make_out_invoice(session, intent.data)
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
