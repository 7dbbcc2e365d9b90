"""Pay once more for a complete session: by an intent that it doesn't name, or by a copy of the session."""

import copy

from sandbox import store
from sandbox.base_url import get_base_url
from sandbox.models import Record
from sandbox.payments.buyers import Buyer
from sandbox.payments.cards import CardDetails
from sandbox.payments.outcomes import Outcome
from sandbox.payments.outright import try_card
from sandbox.payments.sessions import create_intent
from sandbox.payments.states import WrongStateError, require_status
from sandbox.payments.subscription_checkouts import is_subscription
from sandbox.shapes import make_object

_DAY_S = 24 * 60 * 60


def pay_again(session: Record, card: CardDetails, buyer: Buyer) -> tuple[Outcome, Record]:
    """Try a card on a second intent like the session's own. Return the intent too.

    Raises WrongStateError for a session that isn't complete or was free, and for a card with 3-D Secure.
    """
    _require_paid(session)
    intent = create_intent(session)
    return try_card(intent, card, buyer.email), intent


def copy_session(session: Record) -> Record:
    """Open a session with the same items and metadata. Raises WrongStateError as `pay_again` does."""
    _require_paid(session)
    new = make_object("checkout.session")
    data = {
        **copy.deepcopy(session.data),
        **{name: new[name] for name in ("id", "created", "livemode")},
        "expires_at": new["created"] + _DAY_S,
        "url": f"{get_base_url()}/c/pay/{new['id']}",
        "status": "open",
        "payment_status": "unpaid",
        "payment_intent": None,
        "invoice": None,
    }
    return store.add_object(data, private=copy.deepcopy(session.private), due=data["expires_at"])


def _require_paid(session: Record) -> None:
    require_status(session, "complete")
    if is_subscription(session):
        raise WrongStateError("the session is a subscription's: its invoices are paid, each once")
    if not session.data["amount_total"]:
        raise WrongStateError("the session is free")
