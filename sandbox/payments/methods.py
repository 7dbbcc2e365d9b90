"""Payment methods: the buyer's card or bank account as Stripe keeps it."""

from sandbox import ids, store
from sandbox.models import Record
from sandbox.payments.cards import CardDetails, Refunding, TestCard, find_card, name_brand, write_brand
from sandbox.shapes import Json, make_object

SEPA_LAST4 = "3000"


def create_card_method(card: CardDetails, email: str | None, customer: str | None) -> Record:
    method = make_object("payment_method", type="card", card=_describe_card(card), customer=customer)
    method["billing_details"].update(email=email, name=card.name)
    return store.add_object(method, private={"number": card.number})


def create_card_source(card: CardDetails, email: str | None) -> tuple[Record, Json]:
    """Store a card as the Charges API takes it. Returns the payment method it counts as, and a charge's `source`."""
    method = make_object("payment_method", id=ids.make_id("card"), type="card", card=_describe_card(card))
    method["billing_details"].update(email=email, name=card.name)
    source = make_object(
        "card",
        id=method["id"],
        brand=write_brand(method["card"]["brand"]),
        name=card.name,
        tokenization_method=card.wallet,
        **{name: method["card"][name] for name in ("exp_month", "exp_year", "fingerprint", "last4")},
    )
    return store.add_object(method, private={"number": card.number}), source


def create_bank_method(email: str | None, name: str | None, customer: str | None) -> Record:
    """A SEPA account. It has a block of its own instead of `card`."""
    method = make_object("payment_method", type="sepa_debit", customer=customer)
    del method["card"]
    method["sepa_debit"] = describe_bank()
    method["billing_details"].update(email=email, name=name)
    return store.add_object(method)


def find_test_card(charge: Json) -> TestCard | None:
    """The card that a charge was made on; None for a bank account."""
    number = store.get_record("payment_method", charge["payment_method"]).private.get("number")
    return find_card(number) if number else None


def find_refunding(charge: Json) -> Refunding:
    """What becomes of a charge's refunds. To a bank account money takes days."""
    card = find_test_card(charge)
    return card.refunding if card else Refunding.STARTS_PENDING


def describe_bank() -> Json:
    """Describe the account as both its payment method and its charges show it."""
    return {
        "bank_code": "37040044",
        "branch_code": "",
        "country": "DE",
        "fingerprint": "sandboxSepaAccnt",
        "last4": SEPA_LAST4,
    }


def _describe_card(card: CardDetails) -> Json:
    brand = name_brand(card.number)
    return {
        "brand": brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": brand,
        "exp_month": card.exp_month,
        "exp_year": card.exp_year,
        "fingerprint": card.fingerprint,
        "funding": "credit",
        "generated_from": None,
        "last4": card.number[-4:],
        "networks": {"available": [brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": _describe_wallet(card.wallet),
    }


def _describe_wallet(wallet: str | None) -> Json | None:
    return {"dynamic_last4": None, "type": wallet, wallet: {}} if wallet else None
