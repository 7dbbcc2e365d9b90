"""Define the test cards and what each does, with Stripe's numbers and Stripe's messages."""

import hashlib
from dataclasses import dataclass
from typing import Literal

WALLETS = ("apple_pay", "google_pay", "link")


@dataclass(frozen=True)
class Decline:
    """Say why a bank declines: Stripe's `code`, the bank's `decline_code`, and the message for the buyer."""

    code: str
    decline_code: str | None
    message: str


@dataclass(frozen=True)
class TestCard:
    """Describe a card number of Stripe's test mode: how it pays, and how its refunds and payments end."""

    number: str
    label: str
    decline: Decline | None = None
    needs_authentication: bool = False
    refunding: Literal["succeeds", "starts pending", "fails later"] = "succeeds"
    disputing: Literal["never", "chargeback", "inquiry"] = "never"

    @property
    def grouped(self) -> str:
        return " ".join(self.number[start : start + 4] for start in range(0, 16, 4))


@dataclass(frozen=True)
class CardDetails:
    """Hold a card as typed in and checked by the form, or as passed by a wallet. The CVC isn't kept."""

    number: str
    exp_month: int
    exp_year: int
    name: str | None = None
    wallet: str | None = None

    @property
    def fingerprint(self) -> str:
        """The same for the same number, wherever it is used."""
        return hashlib.sha256(self.number.encode()).hexdigest()[:16]


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
    TestCard("4242424242424242", "Pays"),
    TestCard("4000002500003155", "Asks for 3-D Secure", needs_authentication=True),
    TestCard("4000000000000002", "Declined", GENERIC),
    TestCard("4000000000009995", "Insufficient funds", INSUFFICIENT),
    TestCard("4000000000000069", "Expired card", EXPIRED),
    TestCard("4000000000000077", "Expired card", EXPIRED),
    TestCard("4000000000000127", "Wrong CVC", BAD_CVC),
    TestCard("4000000000000259", "Pays, charged back", disputing="chargeback"),
    TestCard("4000000000001976", "Pays, gets inquiry", disputing="inquiry"),
    TestCard("4000000000007726", "Refunds pending", refunding="starts pending"),
    TestCard("4000000000005126", "Refunds fail later", refunding="fails later"),
)
_BY_NUMBER = {card.number: card for card in TEST_CARDS}


def find_card(number: str) -> TestCard:
    """Return the test card with this number. An unknown number is declined with a message that lists the known."""
    if number in _BY_NUMBER:
        return _BY_NUMBER[number]
    known = ", ".join(card.grouped for card in TEST_CARDS)
    message = f"Your card was declined. This is a local sandbox: use one of its test cards ({known})."
    return TestCard(number, "Unknown", Decline("card_declined", "test_mode_live_card", message))


def passes_luhn(number: str) -> bool:
    """Tell whether this can be a card number: its length and check digit are right."""
    if not number.isdecimal() or not 12 <= len(number) <= 19:
        return False
    digits = [int(digit) for digit in reversed(number)]
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])
    return (sum(digits[0::2]) + doubled) % 10 == 0


def find_brand(number: str) -> str:
    return {"4": "visa", "5": "mastercard", "2": "mastercard", "3": "amex"}.get(number[:1], "unknown")


def spell_brand(brand: str) -> str:
    """Spell a brand as the Charges API does, e.g. `Visa`."""
    return {"visa": "Visa", "mastercard": "MasterCard", "amex": "American Express"}.get(brand, "Unknown")
