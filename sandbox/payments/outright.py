"""Take payments without a checkout, by an intent or a charge, as another product on the same account does."""

from typing import Any

from sandbox.models import Record
from sandbox.payments import charges, disputes, intents, methods
from sandbox.payments.cards import CardDetails, TestCard, find_card
from sandbox.payments.outcomes import Outcome
from sandbox.payments.states import WrongStateError
from sandbox.webhooks.events import emit


def pay_by_intent(card: CardDetails, email: str | None, **fields: Any) -> tuple[Outcome, Record]:
    """Try the card on a new intent. Return the intent too. Raises WrongStateError for a card with 3-D Secure."""
    intent = intents.create_intent(**fields)
    return try_card(intent, card, email), intent


def try_card(intent: Record, card: CardDetails, email: str | None) -> Outcome:
    """Pay an intent without a checkout. Raises WrongStateError for a card with 3-D Secure."""
    known = _find_direct(card)
    method = methods.create_card_method(card, email).data
    if known.decline is not None:
        intents.decline(intent, method, known.decline)
        return Outcome.declined(known.decline)
    charge = intents.succeed(intent, method)
    charges.settle_charge(charge)
    disputes.dispute_if_card_does(charge)
    return Outcome("succeeded")


def pay_by_charge(card: CardDetails, email: str | None, **fields: Any) -> tuple[Outcome, Record]:
    """Charge the card as the Charges API does: without an intent, with a `source`, settled before its event.

    Return the charge too. Raises WrongStateError for a card with 3-D Secure.
    """
    known = _find_direct(card)
    method, source = methods.create_card_source(card, email)
    if known.decline is not None:
        fields |= charges.make_failed_fields(known.decline)
        charge = charges.add_charge(method.data, source=source, **fields)
        emit("charge.failed", charge.data)
        return Outcome.declined(known.decline), charge
    fields |= charges.make_paid_fields(fields["amount"])
    charge = charges.add_charge(method.data, source=source, **fields)
    charges.book_charge(charge)
    emit("charge.succeeded", charge.data)
    disputes.dispute_if_card_does(charge)
    return Outcome("succeeded"), charge


def _find_direct(card: CardDetails) -> TestCard:
    known = find_card(card.number)
    if known.needs_authentication:
        raise WrongStateError("this card asks for 3-D Secure, which needs a checkout")
    return known
