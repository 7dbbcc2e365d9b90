"""Email a gift's code to its recipient, on the day that the buyer chose."""

from __future__ import annotations

from uuid import UUID

from accounts.models import User
from billing.gift_codes.delivery import mark_failed, mark_sent, prepare
from core.emails import AddressRefused
from credits.mailing import send_mail_to
from credits.redemption.links import link_of


def send_gift_code(gift_id: UUID) -> bool:
    """Email the gift's new code once; return whether this call did.

    A mail server that fails, or refuses the address for now, is tried again by the job. An address that it refuses for
    good is for the buyer to correct.
    """
    delivery = prepare(gift_id)
    if delivery is None:
        return False
    gift = delivery.gift
    context = {
        "gift": gift,
        "purchase": gift.purchase,
        "giver": _name_of(gift.purchase.user),
        "code": delivery.code,
        "redeem_url": link_of(delivery.code),
    }
    try:
        send_mail_to("gift_code", context, gift.recipient_email, sender=gift.purchase.user)
    except AddressRefused:
        mark_failed(delivery)
        return False
    mark_sent(delivery)
    return True


def _name_of(buyer: User | None) -> str:
    return (buyer.get_full_name() or buyer.email) if buyer else ""
