"""Take payments without a checkout, by an intent or a charge, as another product on the same account does."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.models import Record
from sandbox.payments import charges, disputes, intents, methods
from sandbox.payments.cards import CardDetails, TestCard, find_card
from sandbox.payments.sessions import Outcome
from sandbox.payments.states import WrongStateError
from sandbox.shapes import Json
from sandbox.webhooks.events import emit


@dataclass(frozen=True)
class Sale:
    """Describe what is to be paid, in the smallest unit, by whom and with which card."""

    amount: int
    currency: str
    card: CardDetails
    email: str | None = None
    description: str | None = None
    metadata: Json = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, Any]:
        """What intents and charges have in common."""
        return {"description": self.description, "metadata": dict(self.metadata)}


def pay_by_intent(sale: Sale, base_url: str) -> tuple[Outcome, Record]:
    """Try the card on a new intent. Return the intent too. Raises WrongStateError for a card with 3-D Secure."""
    intent = intents.create_intent(sale.amount, sale.currency, **sale.fields)
    return try_card(intent, sale.card, sale.email, base_url), intent


def try_card(intent: Record, card: CardDetails, email: str | None, base_url: str) -> Outcome:
    """Pay an intent without a checkout. Raises WrongStateError for a card with 3-D Secure."""
    known = _find_direct(card)
    method = methods.create_card_method(card, email, intent.data["customer"]).data
    if known.decline is not None:
        intents.decline(intent, method, known.decline, base_url)
        return Outcome.declined(known.decline)
    charge = intents.succeed(intent, method, base_url)
    charges.settle_charge(charge)
    disputes.dispute_if_card_does(charge)
    return Outcome("succeeded")


def pay_by_charge(sale: Sale, base_url: str) -> tuple[Outcome, Record]:
    """Charge the card as the Charges API does: without an intent, with a `source`, settled before its event.

    Return the charge too. Raises WrongStateError for a card with 3-D Secure.
    """
    known = _find_direct(sale.card)
    method, source = methods.create_card_source(sale.card, sale.email)
    fields = {**sale.fields, "amount": sale.amount, "currency": sale.currency, "source": source}
    if known.decline is not None:
        fields |= charges.make_failed_fields(known.decline)
        charge = charges.add_charge(method.data, base_url, **fields)
        emit("charge.failed", charge.data)
        return Outcome.declined(known.decline), charge
    fields |= charges.make_paid_fields(sale.amount)
    charge = charges.add_charge(method.data, base_url, **fields)
    charges.book_charge(charge)
    emit("charge.succeeded", charge.data)
    disputes.dispute_if_card_does(charge)
    return Outcome("succeeded"), charge


def _find_direct(card: CardDetails) -> TestCard:
    known = find_card(card.number)
    if known.needs_authentication:
        raise WrongStateError("this card asks for 3-D Secure, which needs a checkout")
    return known
