"""What a buyer was shown before they pressed Buy, held against what is on sale now."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from billing.errors import OfferChanged
from billing.packages.models import Package
from credits.formatting import credits_amount


@dataclass(frozen=True)
class SeenOffer:
    """The price, in the currency's main unit, its currency and the credits; None is what nobody told."""

    price: Decimal | None = None
    currency: str | None = None
    credits: Decimal | None = None

    @property
    def told(self) -> dict[str, str]:
        """Give what was told, in one spelling: 45, 45.0 and 45.00 are the same."""
        return {
            name: f"{value.normalize():f}" if isinstance(value, Decimal) else value
            for name, value in asdict(self).items()
            if value is not None
        }

    def require_unchanged(self, package: Package) -> None:
        """Hold it against the package that is about to be bought.

        Raises:
            OfferChanged: the package differs from what was seen.
        """
        now = SeenOffer(package.price.major, package.currency, package.credits)
        if not self.told.items() <= now.told.items():
            raise OfferChanged(_in_words(package), offer=_as_json(package))


NOTHING_SEEN = SeenOffer()


def _in_words(package: Package) -> str:
    told = {"package": package.name, "credits": credits_amount(package.credits), "price": package.price}
    return (
        _(
            "This offer has changed: %(package)s is now %(credits)s credits for %(price)s. Nothing was charged."
        )
        % told
    )


def _as_json(package: Package) -> dict[str, str | int | float]:
    """Write it as the list of packages does."""
    credits = package.credits
    return {
        "package_code": package.code,
        "package_name": package.name,
        "credits": int(credits) if credits == int(credits) else float(credits),
        "price": float(package.price.major),
        "currency": package.currency,
    }
