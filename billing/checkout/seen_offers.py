"""Compare what a buyer was shown before pressing Buy with what is on sale now."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from billing.checkout.terms import PurchaseTerms
from billing.errors import OfferChanged
from credits.formatting import credits_amount


@dataclass(frozen=True)
class SeenOffer:
    """The offer a buyer was shown: price in the currency's main unit, currency, credits; None if not sent."""

    price: Decimal | None = None
    currency: str | None = None
    credits: Decimal | None = None

    @property
    def sent(self) -> dict[str, str]:
        """Return the fields that were sent, normalized: 45, 45.0 and 45.00 are the same."""
        return {
            name: f"{value.normalize():f}" if isinstance(value, Decimal) else value
            for name, value in asdict(self).items()
            if value is not None
        }

    def require_unchanged(self, terms: PurchaseTerms) -> None:
        """Compare the offer with what is about to be bought.

        Raises:
            OfferChanged: it differs from what was seen.
        """
        now = SeenOffer(terms.price.major, terms.price.currency, terms.credits)
        if not self.sent.items() <= now.sent.items():
            raise OfferChanged(_in_words(terms), offer=_as_json(terms))


NOTHING_SEEN = SeenOffer()


def _in_words(terms: PurchaseTerms) -> str:
    values = {"package": terms.name, "credits": credits_amount(terms.credits), "price": terms.price}
    if terms.package is None:
        return (
            _("This offer has changed: %(price)s now buys %(credits)s credits. Nothing was charged.") % values
        )
    return (
        _(
            "This offer has changed: %(package)s is now %(credits)s credits for %(price)s. Nothing was charged."
        )
        % values
    )


def _as_json(terms: PurchaseTerms) -> dict[str, str | int | float]:
    """Format the terms as the API's package list does."""
    credits = terms.credits
    return {
        "package_code": terms.code,
        "package_name": terms.name,
        "credits": int(credits) if credits == int(credits) else float(credits),
        "price": float(terms.price.major),
        "currency": terms.price.currency,
    }
