"""Store payment methods: a buyer's card or bank account."""

from sandbox import ids, store
from sandbox.models import Record
from sandbox.payments.cards import CardDetails, TestCard, find_brand, find_card, spell_brand
from sandbox.shapes import Json, make_object, make_part


def create_card_method(card: CardDetails, email: str | None, customer: str | None) -> Record:
    method = make_object("payment_method", type="card", card=_describe_card(card), customer=customer)
    return _add(method, email, card.name, card.number)


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


def create_bank_method(email: str | None, name: str | None, customer: str | None) -> Record:
    method = make_object("payment_method", type="sepa_debit", customer=customer)
    del method["card"]
    method["sepa_debit"] = make_part("bank_account")
    return _add(method, email, name)


def _add(method: Json, email: str | None, name: str | None, number: str | None = None) -> Record:
    method["billing_details"].update(email=email, name=name)
    return store.add_object(method, private={"number": number})


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
