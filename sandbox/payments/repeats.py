"""Paying once more for what a session sold: by an intent that it doesn't name, or by another session."""

import copy

from sandbox import store
from sandbox.models import Record
from sandbox.payments.cards import CardDetails
from sandbox.payments.outright import try_card
from sandbox.payments.sessions import Buyer, NotPayableError, Outcome, make_intent
from sandbox.shapes import make_object

_DAY_S = 24 * 60 * 60


def pay_again(session: Record, card: CardDetails, buyer: Buyer) -> tuple[Outcome, Record]:
    """Try a card on a second intent, which says all that the session's own says. Returns the intent too.

    Raises NotPayableError for a session that is not through or was free, WrongStateError for a card that asks back.
    """
    _require_sold(session)
    intent = make_intent(session)
    return try_card(intent, card, buyer.email, session.private["base_url"]), intent


def copy_session(session: Record) -> Record:
    """Open a session that sells the same, with the same metadata. Raises NotPayableError as `pay_again` does."""
    _require_sold(session)
    fresh = make_object("checkout.session")
    expires_at = fresh["created"] + _DAY_S
    data = {
        **copy.deepcopy(session.data),
        "id": fresh["id"],
        "created": fresh["created"],
        "livemode": fresh["livemode"],
        "expires_at": expires_at,
        "url": f"{session.private['base_url']}/c/pay/{fresh['id']}",
        "status": "open",
        "payment_status": "unpaid",
        "payment_intent": None,
        "invoice": None,
    }
    return store.add_object(data, private=copy.deepcopy(session.private), due=expires_at)


def _require_sold(session: Record) -> None:
    if session.data["status"] != "complete":
        raise NotPayableError(f"the session is {session.data['status']}: it was not paid a first time")
    if session.data["amount_total"] == 0:
        raise NotPayableError("the session is free")
