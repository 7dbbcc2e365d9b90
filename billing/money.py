"""Money: a whole number of the currency's smallest unit, and the currency. Never a float, never divided by 100."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

# https://docs.stripe.com/currencies#zero-decimal and #three-decimal; every other currency has two places.
ZERO_DECIMAL = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
THREE_DECIMAL = frozenset(("bhd", "jod", "kwd", "omr", "tnd"))
SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥", "krw": "₩", "inr": "₹"}


def decimal_places(currency: str) -> int:
    """How many decimal places the currency's amounts have: 2 for USD, 0 for JPY, 3 for KWD."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


@dataclass(frozen=True)
class Money:
    """``minor`` smallest units of ``currency`` (ISO 4217 in lower case): ``Money(4500, "usd")`` is $45.00."""

    minor: int
    currency: str

    @classmethod
    def from_major(cls, amount: Decimal, currency: str) -> Money:
        """``amount`` in the currency's main unit (dollars), exactly.

        Raises:
            ValueError: the currency has no unit that small ($1.005, ¥1.50).
        """
        minor = amount.scaleb(decimal_places(currency))
        if minor != minor.to_integral_value():
            raise ValueError(f"{amount} is not a whole number of {currency.upper()}'s smallest unit")
        return cls(int(minor), currency)

    @property
    def major(self) -> Decimal:
        """The amount in the currency's main unit, with all its places: 45.00."""
        return Decimal(self.minor).scaleb(-decimal_places(self.currency))

    def __str__(self) -> str:
        sign = "−" if self.minor < 0 else ""
        amount = f"{abs(self.major):,.{decimal_places(self.currency)}f}"
        symbol = SYMBOLS.get(self.currency)
        return f"{sign}{symbol}{amount}" if symbol else f"{sign}{amount} {self.currency.upper()}"


def round_minor(amount: Decimal) -> int:
    """The one rounding rule for money: to a whole smallest unit, half up."""
    return int(amount.to_integral_value(rounding=ROUND_HALF_UP))
