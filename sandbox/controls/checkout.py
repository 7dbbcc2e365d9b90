"""Paying, settling, failing and expiring checkout sessions without a browser."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from sandbox import ids, store
from sandbox.controls.answering import ControlError, expect, take
from sandbox.models import Record
from sandbox.payments import discounts, repeats, sessions
from sandbox.payments.cards import WALLETS, CardDetails, passes_luhn
from sandbox.payments.sessions import Buyer, NotPayableError, Outcome
from sandbox.payments.states import WrongStateError
from sandbox.shapes import Json
from sandbox.webhooks.events import acting_for


def pay(order: Json, session_id: str) -> Json:
    """Pay as a buyer would: by card, through 3-D Secure if the card asks for it, or by bank debit."""
    expect(order, card=str, wallet=str, method=str, authenticate=bool, email=str, name=str)
    card, wallet, method, passes, email, name = take(
        order, card=None, wallet=None, method="card", authenticate=True, email=None, name="Test Buyer"
    )
    if method not in ("card", "sepa_debit"):
        raise ControlError("method is card or sepa_debit")

    def attempt(session: Record) -> Outcome:
        buyer = Buyer(email or _find_email(session), name)
        if session.data["amount_total"] == 0:
            return sessions.complete_free(session, buyer)
        if method == "sepa_debit":
            return sessions.pay_by_bank(session, buyer)
        return _pay_by_card(session, read_card(card, wallet, name), buyer, passes=bool(passes))

    return _act(session_id, attempt)


def _find_email(session: Record) -> str:
    details = session.data["customer_details"] or {}
    return details.get("email") or "buyer@example.com"


def read_card(number: str | None, wallet: str | None, name: str | None) -> CardDetails:
    """Read a card from its number; without one, take the card that pays. Raises ControlError."""
    number = (number or "4242424242424242").replace(" ", "")
    if not passes_luhn(number):
        raise ControlError("that is no card number: its check digit is wrong")
    if wallet is not None and wallet not in WALLETS:
        raise ControlError(f"wallet is one of {', '.join(WALLETS)}")
    return CardDetails(number, 12, 2034, name, wallet)


def _pay_by_card(session: Record, card: CardDetails, buyer: Buyer, *, passes: bool) -> Outcome:
    outcome = sessions.pay_by_card(session, card, buyer)
    if outcome.outcome == "requires_action":
        return sessions.authenticate(session, passed=passes)
    return outcome


def pay_again(order: Json, session_id: str) -> Json:
    """Pay a second time for what a session sold, beside it or, with `checkout`, by a session like it."""
    expect(order, card=str, wallet=str, email=str, name=str, checkout=bool)
    card, wallet, email, name, through_checkout = take(
        order, card=None, wallet=None, email=None, name="Test Buyer", checkout=False
    )
    details = read_card(card, wallet, name)
    with _acting_on(session_id) as session:
        buyer = Buyer(email or _find_email(session), name)
        if through_checkout:
            second = repeats.copy_session(session)
            outcome = _pay_by_card(second, details, buyer, passes=True)
            return _report(second, outcome, sessions.find_intent(second))
        outcome, intent = repeats.pay_again(session, details, buyer)
        return _report(session, outcome, intent)


def discount(order: Json, session_id: str) -> Json:
    """Apply a promotion code that takes something off an open session, or all of it. Returns the session."""
    expect(order, amount_off=int)
    (amount_off,) = take(order, amount_off=None)
    if amount_off is not None and amount_off < 1:
        raise ControlError("amount_off starts at 1")
    with _acting_on(session_id) as session:
        discounts.discount_session(session, amount_off)
        return dict(session.data)


def settle(order: Json, session_id: str) -> Json:
    """The bank pays a delayed payment."""
    take(order)
    return _act(session_id, sessions.settle_delayed)


def fail(order: Json, session_id: str) -> Json:
    """The bank refuses a delayed payment."""
    take(order)
    return _act(session_id, sessions.fail_delayed)


def expire(order: Json, session_id: str) -> Json:
    """Time is up for an open session."""
    take(order)

    def close(session: Record) -> Outcome:
        sessions.expire_session(session)
        return Outcome("expired")

    return _act(session_id, close)


def _act(session_id: str, action: Callable[[Record], Outcome]) -> Json:
    with _acting_on(session_id) as session:
        outcome = action(session)
        return _report(session, outcome, sessions.find_intent(session))


@contextmanager
def _acting_on(session_id: str) -> Iterator[Record]:
    """Work on a session in one transaction; 404 if it is unknown, 409 if it turns out to be in the wrong state."""
    with store.writing(), acting_for(ids.make_id("request")):
        try:
            yield sessions.get_session(session_id)
        except Record.DoesNotExist:
            raise ControlError(f"no such checkout session: {session_id}", 404) from None
        except (NotPayableError, WrongStateError) as error:
            raise ControlError(str(error), 409) from None


def _report(session: Record, outcome: Outcome, intent: Record | None) -> Json:
    report: dict[str, Any] = asdict(outcome)
    report["session"] = session.data
    report["payment_intent"] = intent.data if intent else None
    return report
