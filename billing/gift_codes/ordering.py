"""Check for whom a package is bought as a gift, and keep it with the purchase."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.time_zones import zone_of
from billing.gift_codes.models import LONGEST_EMAIL, LONGEST_MESSAGE, LONGEST_NAME, GiftOrder
from billing.money import Money
from billing.purchases.models import Purchase
from core.storable_text import is_storable
from credits.errors import InvalidGift
from credits.gifts.giving import are_offered
from credits.ledger import operations as ledger
from credits.ledger.models import Account

MOST_DAYS_AHEAD = 365
MORNING = time(8)
# Whatever a mail program might make a link of: nobody shall send one by a gift.
LINK = re.compile(r"://|www\.|@|[^\W_]\.[^\W\d_]{2,}", re.IGNORECASE)


@dataclass(frozen=True)
class GiftWish:
    """Who gets a gift, and ``on`` which day in the buyer's time zone; None: at once."""

    email: str
    name: str = ""
    message: str = ""
    on: date | None = None

    @property
    def fields(self) -> list[str]:
        """Return what tells one wish from another."""
        return [self.email, self.name, self.message, self.on.isoformat() if self.on else ""]

    def require_fitting(self, price: Money, *, is_one: bool, is_ours: bool) -> None:
        """Require an order that can be a gift: of one kind of package, paid, at a checkout, and not ``is_ours``, for a
        team or by a saved card.

        Raises:
            InvalidGift: it isn't.
        """
        if is_ours:
            raise InvalidGift(_("A gift is paid at the checkout, and not for a team."), field="gift")
        if not is_one:
            raise InvalidGift(_("Several packages can’t be a gift. Buy them one by one."), field="gift")
        if not price.minor:
            raise InvalidGift(_("A free package can’t be a gift."), field="gift")

    def checked(self, buyer: User) -> GiftOrder:
        """Return the order, unsaved and without its purchase.

        Raises:
            InvalidGift: ``field`` in its params names what is wrong.
        """
        if not are_offered():
            raise InvalidGift(_("Gifts aren’t offered here."))
        return GiftOrder(
            recipient_email=checked_email(self.email),
            recipient_name=checked_text("name", " ".join(self.name.split()), LONGEST_NAME),
            message=checked_text("message", "\n".join(self.message.strip().splitlines()), LONGEST_MESSAGE),
            send_at=send_at(buyer, self.on),
        )


def checked_email(email: str) -> str:
    """Return the address. Raises `InvalidGift`."""
    email = email.strip()
    try:
        validate_email(email)
    except ValidationError:
        raise InvalidGift(_("Enter the recipient’s email."), field="email") from None
    if len(email) > LONGEST_EMAIL:
        raise InvalidGift(_("This email address is too long."), field="email")
    return email


def checked_text(field: str, text: str, longest: int) -> str:
    """Return a name or message that can be mailed. Raises `InvalidGift`."""
    if len(text) > longest:
        raise InvalidGift(_("This can have up to %(most)s characters.") % {"most": longest}, field=field)
    if not is_storable(text):
        raise InvalidGift(_("This contains characters that can’t be saved."), field=field)
    if LINK.search(text):
        raise InvalidGift(
            _("Leave out links and addresses, and put a space after each full stop."), field=field
        )
    return text


def send_at(buyer: User, on: date | None) -> datetime:
    """Return the morning of a day in the buyer's time zone, or now if it is today. Raises `InvalidGift`."""
    zone, now = zone_of(buyer), timezone.now()
    today = now.astimezone(zone).date()
    if on is None or on == today:
        return now
    if not today < on <= today + timedelta(days=MOST_DAYS_AHEAD):
        raise InvalidGift(_("Choose a day from today to a year ahead."), field="on")
    return datetime.combine(on, MORNING, zone)


def paying_account(purchase: Purchase) -> Account:
    """Return the account that Stripe knows the buyer by: the purchase's, or of a gift the buyer's own."""
    if purchase.account.has_holder or purchase.user is None:
        return purchase.account
    return ledger.open_account(purchase.user)
