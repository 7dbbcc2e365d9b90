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

    @property
    def advice_code(self) -> str:
        """Say whether trying the card again can help."""
        return "do_not_try_again" if self.decline_code in _HARD else "try_again_later"

    def to_error(self) -> dict[str, str]:
        """Return the error by which the API reports it."""
        error = {"code": self.code, "decline_code": self.decline_code, "message": self.message}
        if self.decline_code is not None:
            error["advice_code"] = self.advice_code
        return {**{name: value for name, value in error.items() if value is not None}, "type": "card_error"}


@dataclass(frozen=True)
class TestCard:
    """Describe a card number of Stripe's test mode: how it pays, and how its refunds and payments end.

    A card that `needs_authentication` is let through off-session once it was set up, unless it `authenticates_always`.
    `alias` stands for a new payment method of this card, as in ``payment_method=pm_card_visa``.
    """

    number: str
    label: str
    decline: Decline | None = None
    needs_authentication: bool = False
    authenticates_always: bool = False
    can_be_saved: bool = True
    alias: str = ""
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
STOLEN = Decline("card_declined", "stolen_card", "Your card was declined.")
LOST = Decline("card_declined", "lost_card", "Your card was declined.")
INSUFFICIENT = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.")
BAD_CVC = Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")
UNAUTHENTICATED = Decline(
    "payment_intent_authentication_failure",
    None,
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)
UNAUTHENTICATED_SETUP = Decline(
    "setup_intent_authentication_failure",
    None,
    "The latest attempt to set up the payment method has failed because authentication failed.",
)
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
ACTION_REFUSED = Decline(
    "authentication_required",
    "authentication_required",
    "This payment required an authentication action to complete, but `error_on_requires_action` was set. When you're"
    " ready, you can upgrade your integration to handle actions at"
    " https://stripe.com/docs/payments/payment-intents/upgrade-to-handle-actions.",
)
BANK_REFUSED = Decline(
    "payment_method_provider_decline", None, "The customer's bank account could not be debited."
)

TEST_CARDS = (
    TestCard("4242424242424242", "Pays", alias="pm_card_visa"),
    TestCard(
        "4000002500003155",
        "Asks for 3-D Secure",
        needs_authentication=True,
        alias="pm_card_authenticationRequiredOnSetup",
    ),
    TestCard(
        "4000002760003184",
        "Always 3-D Secure",
        needs_authentication=True,
        authenticates_always=True,
        alias="pm_card_authenticationRequired",
    ),
    TestCard("4000000000000002", "Declined", GENERIC, can_be_saved=False, alias="pm_card_chargeDeclined"),
    TestCard("4000000000000341", "Declined once saved", GENERIC, alias="pm_card_chargeCustomerFail"),
    TestCard(
        "4000000000009995",
        "Insufficient funds",
        INSUFFICIENT,
        can_be_saved=False,
        alias="pm_card_visa_chargeDeclinedInsufficientFunds",
    ),
    TestCard(
        "4000000000009979",
        "Stolen card",
        STOLEN,
        can_be_saved=False,
        alias="pm_card_visa_chargeDeclinedStolenCard",
    ),
    TestCard(
        "4000000000009987",
        "Lost card",
        LOST,
        can_be_saved=False,
        alias="pm_card_visa_chargeDeclinedLostCard",
    ),
    TestCard(
        "4000000000000069",
        "Expired card",
        EXPIRED,
        can_be_saved=False,
        alias="pm_card_chargeDeclinedExpiredCard",
    ),
    TestCard("4000000000000077", "Expired card", EXPIRED, can_be_saved=False),
    TestCard(
        "4000000000000127",
        "Wrong CVC",
        BAD_CVC,
        can_be_saved=False,
        alias="pm_card_chargeDeclinedIncorrectCvc",
    ),
    TestCard("4000000000000259", "Pays, charged back", disputing="chargeback", alias="pm_card_createDispute"),
    TestCard(
        "4000000000001976", "Pays, gets inquiry", disputing="inquiry", alias="pm_card_createDisputeInquiry"
    ),
    TestCard(
        "4000000000007726", "Refunds pending", refunding="starts pending", alias="pm_card_pendingRefund"
    ),
    TestCard("4000000000005126", "Refunds fail later", refunding="fails later", alias="pm_card_refundFail"),
)
_BY_NUMBER = {card.number: card for card in TEST_CARDS}
_BY_ALIAS = {card.alias: card for card in TEST_CARDS if card.alias}
_HARD = frozenset(("expired_card", "lost_card", "stolen_card"))


def find_card(number: str) -> TestCard:
    """Return the test card with this number. An unknown number is declined with a message that lists the known."""
    if number in _BY_NUMBER:
        return _BY_NUMBER[number]
    known = ", ".join(card.grouped for card in TEST_CARDS)
    message = f"Your card was declined. This is a local sandbox: use one of its test cards ({known})."
    decline = Decline("card_declined", "test_mode_live_card", message)
    return TestCard(number, "Unknown", decline, can_be_saved=False)


def find_card_by_alias(alias: str) -> TestCard | None:
    return _BY_ALIAS.get(alias)


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
