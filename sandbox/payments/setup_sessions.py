"""Save cards by checkout sessions in `setup` mode, which take no payment."""

from sandbox import store
from sandbox.models import Record
from sandbox.payments import methods, setup
from sandbox.payments.buyers import Buyer, get_email, save_buyer
from sandbox.payments.cards import CardDetails
from sandbox.payments.completing import complete_session
from sandbox.payments.outcomes import Outcome
from sandbox.payments.states import require_status


def is_setup(session: Record) -> bool:
    return bool(session.data["mode"] == "setup")


def get_setup_intent(session: Record) -> Record:
    """Return the intent of a session in `setup` mode, which it has from the start."""
    return store.get_record("setup_intent", session.data["setup_intent"])


def save_card(session: Record, card: CardDetails, buyer: Buyer) -> Outcome:
    """Try to save a card. Raises WrongStateError unless the session is open."""
    require_status(session, "open")
    save_buyer(session, buyer)
    intent = get_setup_intent(session)
    if intent.data["customer"] != session.private["customer"]:
        store.change(intent, customer=session.private["customer"])
    method = methods.create_card_method(card, get_email(session), buyer.address)
    url = session.data["url"]
    setup.set_up(intent, method, f"{url}/authenticate", url)
    return _conclude(session, intent)


def authenticate_card(session: Record, *, passed: bool) -> Outcome:
    """Pass or fail 3-D Secure. Raises WrongStateError if it isn't asked for."""
    require_status(session, "open")
    intent = get_setup_intent(session)
    require_status(intent, "requires_action")
    setup.authenticate_setup(intent, passed=passed)
    return _conclude(session, intent)


def _conclude(session: Record, intent: Record) -> Outcome:
    if intent.data["status"] == "succeeded":
        complete_session(session, payment_status="no_payment_required")
    elif intent.data["status"] == "requires_payment_method":
        return Outcome.of_error(intent.data["last_setup_error"])
    return Outcome(intent.data["status"])
