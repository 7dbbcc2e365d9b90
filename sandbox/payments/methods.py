"""Store payment methods: a buyer's card or bank account."""

from datetime import UTC, datetime

from sandbox import clock, ids, store
from sandbox.models import Record
from sandbox.payments.cards import (
    EXPIRED,
    CardDetails,
    Decline,
    TestCard,
    find_brand,
    find_card,
    find_card_by_alias,
    spell_brand,
)
from sandbox.shapes import Json, make_object, make_part


def create_card_method(card: CardDetails, email: str | None, address: Json | None = None) -> Record:
    """Store a card that belongs to nobody yet: `saved_methods.attach` gives it to a customer."""
    method = make_object("payment_method", type="card", card=_describe_card(card))
    if address:
        method["billing_details"]["address"].update(address)
    return _add(method, email, card.name, card.number)


def create_alias_method(alias: str) -> Record | None:
    """Store the card of one of Stripe's test ids, such as ``pm_card_visa``; None for any other id."""
    card = find_card_by_alias(alias)
    return create_card_method(CardDetails(card.number, 12, 2034), None) if card else None


def create_card_source(card: CardDetails, email: str | None) -> tuple[Record, Json]:
    """Store a card as the Charges API takes it. Return its payment method, and the `source` of its charges."""
    method = make_object("payment_method", id=ids.make_id("card"), type="card", card=_describe_card(card))
    source = make_object(
        "card",
        id=method["id"],
        brand=spell_brand(method["card"]["brand"]),
        name=card.name,
        tokenization_method=card.wallet,
        **{name: method["card"][name] for name in ("exp_month", "exp_year", "fingerprint", "last4")},
    )
    return _add(method, email, card.name, card.number), source


def create_bank_method(email: str | None, name: str | None) -> Record:
    method = make_object("payment_method", type="sepa_debit")
    del method["card"]
    method["sepa_debit"] = make_part("bank_account")
    return _add(method, email, name)


def _add(method: Json, email: str | None, name: str | None, number: str | None = None) -> Record:
    method["billing_details"].update(email=email, name=name)
    return store.add_object(method, private={"number": number})


def get_test_card(method: Record) -> TestCard:
    """Return the card of a card's method."""
    return find_card(method.private["number"])


def find_decline(method: Record) -> Decline | None:
    """Return why charging this card is declined. One that has expired by the sandbox's clock is."""
    today = datetime.fromtimestamp(clock.get_now(), UTC)
    card = method.data["card"]
    if (card["exp_year"], card["exp_month"]) < (today.year, today.month):
        return EXPIRED
    return get_test_card(method).decline


def find_test_card(charge: Json) -> TestCard | None:
    """Return the card of a charge; None for a bank account."""
    number = store.get_record("payment_method", charge["payment_method"]).private.get("number")
    return find_card(number) if number else None


def _describe_card(card: CardDetails) -> Json:
    brand = find_brand(card.number)
    return make_part(
        "card_details",
        brand=brand,
        display_brand=brand,
        exp_month=card.exp_month,
        exp_year=card.exp_year,
        fingerprint=card.fingerprint,
        last4=card.number[-4:],
        networks={"available": [brand], "preferred": None},
        wallet={"dynamic_last4": None, "type": card.wallet, card.wallet: {}} if card.wallet else None,
    )
