"""Pay, settle, fail and expire checkout sessions without a browser."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Literal

from sandbox import ids, store
from sandbox.controls.answering import ControlError, Positive
from sandbox.models import Record
from sandbox.payments import discounts, repeats, sessions
from sandbox.payments.buyers import Buyer, make_address
from sandbox.payments.cards import WALLETS, CardDetails, passes_luhn
from sandbox.payments.outcomes import Outcome
from sandbox.shapes import Json
from sandbox.webhooks.events import acting_for


def pay(
    session_id: str,
    *,
    card: str | None = None,
    wallet: str | None = None,
    method: Literal["card", "sepa_debit"] = "card",
    authenticate: bool = True,
    email: str | None = None,
    name: str | None = "Test Buyer",
    country: str | None = None,
    state: str | None = None,
    tax_id: str | None = None,
    save: bool = False,
) -> Json:
    """Pay as a buyer would: by card, with 3-D Secure if the card asks for it, or by bank debit.

    `country`, `state` and `tax_id` decide on the tax of a session that calculates it.

    `save` ticks the box to save the card. A session in `setup` mode saves it in any case.
    """

    def attempt(session: Record) -> Outcome:
        address = make_address(country=country, state=state) if country else None
        buyer = Buyer(email or _find_email(session), name, address, tax_id, saves_card=save)
        if sessions.is_free(session):
            return sessions.complete_free(session, buyer)
        if method == "sepa_debit":
            return sessions.pay_by_bank(session, buyer)
        return _pay_by_card(session, read_card(card, wallet, name), buyer, passes=authenticate)

    return _act(session_id, attempt)


def _find_email(session: Record) -> str:
    details = session.data["customer_details"] or {}
    return details.get("email") or "buyer@example.com"


def read_card(number: str | None, wallet: str | None, name: str | None) -> CardDetails:
    """Return the card with this number, or the one that always pays. Raises ControlError."""
    number = (number or "4242424242424242").replace(" ", "")
    if not passes_luhn(number):
        raise ControlError("card: the check digit is wrong")
    if wallet not in (None, *WALLETS):
        raise ControlError(f"wallet must be one of {', '.join(WALLETS)}")
    return CardDetails(number, 12, 2034, name, wallet)


def _pay_by_card(session: Record, card: CardDetails, buyer: Buyer, *, passes: bool) -> Outcome:
    outcome = sessions.pay_by_card(session, card, buyer)
    if outcome.outcome == "requires_action":
        return sessions.authenticate(session, passed=passes)
    return outcome


def pay_again(
    session_id: str,
    *,
    card: str | None = None,
    wallet: str | None = None,
    email: str | None = None,
    name: str | None = "Test Buyer",
    checkout: bool = False,
) -> Json:
    """Pay for a complete session a second time: by another intent or, with `checkout`, by a copy of the session."""
    details = read_card(card, wallet, name)
    with _acting_on(session_id) as session:
        buyer = Buyer(email or _find_email(session), name)
        if checkout:
            second = repeats.copy_session(session)
            outcome = _pay_by_card(second, details, buyer, passes=True)
            return _report(second, outcome, sessions.find_intent(second))
        outcome, intent = repeats.pay_again(session, details, buyer)
        return _report(session, outcome, intent)


def discount(session_id: str, *, amount_off: Positive | None = None) -> Json:
    """Apply a promotion code that takes this much off an open session, or all of it."""
    with _acting_on(session_id) as session:
        discounts.discount_session(session, amount_off)
        return dict(session.data)


def settle(session_id: str) -> Json:
    """Let a delayed payment arrive."""
    return _act(session_id, sessions.settle_delayed)


def fail(session_id: str) -> Json:
    """Let the bank refuse a delayed payment."""
    return _act(session_id, sessions.fail_delayed)


def expire(session_id: str) -> Json:
    return _act(session_id, sessions.expire_session)


def _act(session_id: str, action: Callable[[Record], Outcome]) -> Json:
    with _acting_on(session_id) as session:
        outcome = action(session)
        return _report(session, outcome, sessions.find_intent(session))


@contextmanager
def _acting_on(session_id: str) -> Iterator[Record]:
    """Change a session in one transaction."""
    with store.writing(), acting_for(ids.make_id("request")):
        yield sessions.get_session(session_id)


def _report(session: Record, outcome: Outcome, intent: Record | None) -> Json:
    return {**asdict(outcome), "session": session.data, "payment_intent": intent.data if intent else None}
