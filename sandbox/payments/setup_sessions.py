"""Save cards by checkout sessions that take no payment: in `setup` mode, or for a subscription's trial."""

from sandbox import store
from sandbox.models import Record
from sandbox.payments import methods, setup
from sandbox.payments.buyers import Buyer, get_email, save_buyer
from sandbox.payments.cards import CardDetails
from sandbox.payments.completing import complete_session
from sandbox.payments.outcomes import Outcome
from sandbox.payments.states import require_status
from sandbox.payments.subscription_checkouts import is_subscription, open_subscription


def is_setup(session: Record) -> bool:
    """Tell whether a session takes a card but no payment: in `setup` mode, or for a subscription's trial."""
    return bool(
        session.data["mode"] == "setup" or (is_subscription(session) and session.data["amount_total"] == 0)
    )


def find_setup_intent(session: Record) -> Record | None:
    """Find a session's intent. In `setup` mode it has one from the start, for a trial from the first attempt on."""
    intent_id = session.data["setup_intent"] or session.private.get("setup_intent")
    return store.get_record("setup_intent", intent_id) if intent_id else None


def _require_intent(session: Record) -> Record:
    """Return a session's intent, a new one if it has none."""
    intent = find_setup_intent(session)
    if intent is None:
        intent = setup.create_setup_intent(customer=session.private["customer"])
        session.private["setup_intent"] = intent.id
        session.save()
    return intent


def save_card(session: Record, card: CardDetails, buyer: Buyer) -> Outcome:
    """Try to save a card. Raises WrongStateError unless the session is open."""
    require_status(session, "open")
    save_buyer(session, buyer)
    intent = _require_intent(session)
    if intent.data["customer"] != session.private["customer"]:
        store.change(intent, customer=session.private["customer"])
    method = methods.create_card_method(card, get_email(session), buyer.address)
    url = session.data["url"]
    setup.set_up(intent, method, f"{url}/authenticate", url)
    return _conclude(session, intent)


def authenticate_card(session: Record, *, passed: bool) -> Outcome:
    """Pass or fail 3-D Secure. Raises WrongStateError if it isn't asked for."""
    require_status(session, "open")
    intent = _require_intent(session)
    require_status(intent, "requires_action")
    setup.authenticate_setup(intent, passed=passed)
    return _conclude(session, intent)


def _conclude(session: Record, intent: Record) -> Outcome:
    if intent.data["status"] == "succeeded":
        if is_subscription(session):
            open_subscription(session, None, intent.data["payment_method"])
        complete_session(session, payment_status="no_payment_required")
    elif intent.data["status"] == "requires_payment_method":
        return Outcome.of_error(intent.data["last_setup_error"])
    return Outcome(intent.data["status"])
