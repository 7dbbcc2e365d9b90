"""Email sender and recipient about a gift."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from core.database.locks import take_turns
from credits.gifts.models import Gift
from credits.mailing import send_mail

TEMPLATES = {"recipient": "gift_received", "sender": "gift_sent"}


def send_gift_mail(gift_id: UUID, to: str) -> bool:
    """Email the gift's ``recipient`` or ``sender``, once; return whether this call did.

    The mark commits after the email is handed over: a crash in between sends it twice, but never not at all.
    """
    mark = f"{to}_mailed_at"
    with transaction.atomic():
        take_turns(f"gift:{gift_id}:{to}")
        gift = Gift.objects.select_related("sender", "recipient").get(pk=gift_id)
        person = getattr(gift, to)
        if person is None or not person.email or getattr(gift, mark):
            return False
        send_mail(TEMPLATES[to], {"gift": gift}, person)
        Gift.objects.filter(pk=gift_id).update(**{mark: timezone.now()})
    return True
