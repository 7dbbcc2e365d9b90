"""The test cards, and what each does. Stripe's numbers and Stripe's words."""

import hashlib
from dataclasses import dataclass
from enum import Enum


class Behaviour(Enum):
    SUCCEEDS = "succeeds"
    DECLINES = "declines"
    AUTHENTICATES = "authenticates"


class Refunding(Enum):
    """What becomes of a refund."""

    SUCCEEDS = "succeeds"
    STARTS_PENDING = "starts pending"
    FAILS_LATER = "succeeds, and fails later"


class Disputing(Enum):
    """What the buyer's bank does once the card has paid."""

    NEVER = "never"
    CHARGEBACK = "takes the money back"
    INQUIRY = "asks"


@dataclass(frozen=True)
class Decline:
    """Why a bank says no: Stripe's `code`, the bank's own `decline_code`, and the words for the buyer."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True)
class TestCard:
    """A card number of Stripe's test mode. `label` is for people who choose one."""

    number: str
    behaviour: Behaviour
    label: str
    decline: Decline | None = None
    refunding: Refunding = Refunding.SUCCEEDS
    disputing: Disputing = Disputing.NEVER

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def grouped(self) -> str:
        return " ".join(self.number[start : start + 4] for start in range(0, 16, 4))


@dataclass(frozen=True)
class CardDetails:
    """A card as it was typed in, after the form's own checks, or as a wallet hands it over (`apple_pay` …).

    The CVC is looked at and forgotten.
    """

    number: str
    exp_month: int
    exp_year: int
    name: str | None = None
    wallet: str | None = None

    @property
    def fingerprint(self) -> str:
        """The same for the same number, wherever it is used."""
        return hashlib.sha256(self.number.encode()).hexdigest()[:16]


WALLETS = ("apple_pay", "google_pay", "link")

GENERIC = Decline("card_declined", "generic_decline", "Your card was declined.")
INSUFFICIENT = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.")
BAD_CVC = Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")
UNAUTHENTICATED = Decline(
    "payment_intent_authentication_failure",
    None,
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)
BANK_REFUSED = Decline(
    "payment_method_provider_decline", None, "The customer's bank account could not be debited."
)

TEST_CARDS = (
    TestCard("4242424242424242", Behaviour.SUCCEEDS, "Pays"),
    TestCard("4000002500003155", Behaviour.AUTHENTICATES, "Asks for 3-D Secure"),
    TestCard("4000000000000002", Behaviour.DECLINES, "Declined", GENERIC),
    TestCard("4000000000009995", Behaviour.DECLINES, "Insufficient funds", INSUFFICIENT),
    TestCard("4000000000000069", Behaviour.DECLINES, "Expired card", EXPIRED),
    TestCard("4000000000000077", Behaviour.DECLINES, "Expired card", EXPIRED),
    TestCard("4000000000000127", Behaviour.DECLINES, "Wrong CVC", BAD_CVC),
    TestCard("4000000000000259", Behaviour.SUCCEEDS, "Pays, is disputed", disputing=Disputing.CHARGEBACK),
    TestCard("4000000000001976", Behaviour.SUCCEEDS, "Pays, bank asks", disputing=Disputing.INQUIRY),
    TestCard(
        "4000000000007726", Behaviour.SUCCEEDS, "Pays; refunds wait", refunding=Refunding.STARTS_PENDING
    ),
    TestCard(
        "4000000000005126", Behaviour.SUCCEEDS, "Pays; refunds fail later", refunding=Refunding.FAILS_LATER
    ),
)
_BY_NUMBER = {card.number: card for card in TEST_CARDS}


def find_card(number: str) -> TestCard:
    """The test card with this number. One that nobody knows declines, and says which would do."""
    return _BY_NUMBER.get(number) or TestCard(number, Behaviour.DECLINES, "Unknown", _refuse_unknown())


def _refuse_unknown() -> Decline:
    known = ", ".join(card.grouped for card in TEST_CARDS)
    message = f"Your card was declined. This is a local sandbox: use one of its test cards ({known})."
    return Decline("card_declined", "test_mode_live_card", message)


def passes_luhn(number: str) -> bool:
    """Whether the check digit is right, i.e. whether this can be a card number at all."""
    if not number.isdecimal() or not 12 <= len(number) <= 19:
        return False
    digits = [int(digit) for digit in reversed(number)]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[0::2]) + doubled) % 10 == 0


def write_brand(brand: str) -> str:
    """Spell a brand as the cards of the Charges API do, e.g. `Visa`."""
    spelled = {"visa": "Visa", "mastercard": "MasterCard", "amex": "American Express"}
    return spelled.get(brand, "Unknown")


def name_brand(number: str) -> str:
    """Visa, Mastercard or American Express by the first digit; `unknown` for the rest."""
    return {"4": "visa", "5": "mastercard", "2": "mastercard", "3": "amex"}.get(number[:1], "unknown")
