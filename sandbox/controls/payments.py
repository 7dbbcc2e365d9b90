"""Payments that are no checkout's."""

from dataclasses import asdict

from sandbox import ids, store
from sandbox.controls.account import require_currency
from sandbox.controls.answering import ControlError, expect, get_address, take
from sandbox.controls.checkout import read_card
from sandbox.payments.outright import Sale, pay_by_charge, pay_by_intent
from sandbox.payments.states import WrongStateError
from sandbox.shapes import Json
from sandbox.webhooks.events import acting_for

_KNOWN: Json = {
    "amount": None,
    "currency": "usd",
    "description": None,
    "metadata": None,
    "email": None,
    "intent": True,
    "card": None,
    "wallet": None,
    "name": "Test Buyer",
}


def pay(order: Json) -> Json:
    """Take a payment outright, as another product on the account does; with `intent` false, by a bare charge."""
    expect(order, amount=int, currency=str, description=str, metadata=dict, email=str, intent=bool)
    expect(order, card=str, wallet=str, name=str)
    amount, currency, description, metadata, email, with_intent, card, wallet, name = take(order, **_KNOWN)
    if amount is None or amount < 1:
        raise ControlError("amount starts at 1")
    require_currency(currency)
    sale = Sale(amount, currency, read_card(card, wallet, name), email, description, metadata or {})
    with store.writing(), acting_for(ids.make_id("request")):
        try:
            return _pay_by_intent(sale) if with_intent else _pay_by_charge(sale)
        except WrongStateError as error:
            raise ControlError(str(error), 409) from None


def _pay_by_intent(sale: Sale) -> Json:
    outcome, intent = pay_by_intent(sale, get_address())
    charge = store.get_object("charge", intent.data["latest_charge"])
    return {**asdict(outcome), "payment_intent": intent.data, "charge": charge}


def _pay_by_charge(sale: Sale) -> Json:
    outcome, charge = pay_by_charge(sale, get_address())
    return {**asdict(outcome), "payment_intent": None, "charge": charge.data}
