"""Compare what a buyer was shown before pressing Buy with what is on sale now."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from billing.errors import OfferChanged
from billing.packages.models import Package
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

    def require_unchanged(self, package: Package) -> None:
        """Compare the offer with the package about to be bought.

        Raises:
            OfferChanged: the package differs from what was seen.
        """
        now = SeenOffer(package.price.major, package.currency, package.credits)
        if not self.sent.items() <= now.sent.items():
            raise OfferChanged(_in_words(package), offer=_as_json(package))


NOTHING_SEEN = SeenOffer()


def _in_words(package: Package) -> str:
    values = {"package": package.name, "credits": credits_amount(package.credits), "price": package.price}
    return (
        _(
            "This offer has changed: %(package)s is now %(credits)s credits for %(price)s. Nothing was charged."
        )
        % values
    )


def _as_json(package: Package) -> dict[str, str | int | float]:
    """Format the package as the API's package list does."""
    credits = package.credits
    return {
        "package_code": package.code,
        "package_name": package.name,
        "credits": int(credits) if credits == int(credits) else float(credits),
        "price": float(package.price.major),
        "currency": package.currency,
    }
