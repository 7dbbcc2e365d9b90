"""Have a gift's email sent on its day, make its code then, and let the buyer correct or repeat it.

The code is made before the email is sent, in a transaction of its own, so whoever gets an email has a code that works.
Each new code takes the place of the one before: after a crash the recipient may get two emails, the later one counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.limits.rates import check_rate
from billing.deferring import defer_gift_code_mail
from billing.gift_codes.models import LONGEST_NAME, GiftOrder
from billing.gift_codes.ordering import checked_email, checked_text
from billing.purchases.models import Purchase
from credits.redemption.errors import NothingInEscrow
from credits.redemption.escrow import issue_escrow_code

log = structlog.get_logger(__name__)
# After which a gift that wasn't sent is tried again, such as one whose dispute was won.
AGAIN_AFTER = timedelta(days=1)
MARKS = ["sent_at", "shown_at", "failed_at"]
CODES_A_DAY, DAY_S = 5, 86_400


@dataclass(frozen=True)
class Delivery:
    """A gift to be mailed with a new code."""

    gift: GiftOrder
    code: str


def defer_due_gifts() -> int:
    """Have the emails of gifts sent whose day has come; return how many.

    Deferring is marked with the job. A gift that can't be sent, as its payment is disputed, is tried again.
    """
    now, deferred = timezone.now(), 0
    waiting = GiftOrder.objects.filter(
        Q(deferred_at=None) | Q(deferred_at__lt=now - AGAIN_AFTER),
        sent_at=None,
        shown_at=None,
        failed_at=None,
        send_at__lte=now,
        purchase__status__in=[Purchase.Status.COMPLETED, Purchase.Status.PARTIALLY_REFUNDED],
    )
    for gift in waiting.select_related("purchase"):
        if gift.due_at > now:
            continue
        with transaction.atomic():
            marked = GiftOrder.objects.filter(pk=gift.pk, deferred_at=gift.deferred_at).update(
                deferred_at=now
            )
            if marked:
                defer_gift_code_mail(gift.pk)
                deferred += 1
    return deferred


def prepare(gift_id: UUID) -> Delivery | None:
    """Make the code of a gift that is to be mailed now; None if it isn't to be."""
    with transaction.atomic(durable=True):
        gift = _locked().get(pk=gift_id)
        if gift.sent_at or gift.shown_at or not gift.recipient_email or not gift.is_open:
            return None
        return Delivery(gift, _new_code(gift))


def mark_sent(delivery: Delivery) -> None:
    """Record that a gift was mailed, unless it has another code by now."""
    current = GiftOrder.objects.filter(pk=delivery.gift.pk, code=delivery.gift.code)
    current.update(sent_at=timezone.now(), failed_at=None)


def mark_failed(delivery: Delivery) -> None:
    """Record that a gift's email was refused: only another address helps."""
    log.warning("gift_mail_refused", gift=str(delivery.gift.pk))
    current = GiftOrder.objects.filter(pk=delivery.gift.pk, code=delivery.gift.code, sent_at=None)
    current.update(failed_at=timezone.now())


def send_again(gift: GiftOrder, email: str, name: str) -> None:
    """Mail a gift with a new code, to this address: at once, or on its day if that is to come.

    Raises:
        InvalidGift: the address or the name can't be used.
        NothingInEscrow: it was redeemed, refunded or disputed.
        RateLimited: too many new codes of this gift within a day.
    """
    email, name = checked_email(email), checked_text("name", " ".join(name.split()), LONGEST_NAME)
    with _open_gift(gift) as current:
        now = timezone.now()
        is_due = current.due_at <= now
        current.recipient_email, current.recipient_name = email, name
        current.sent_at = current.shown_at = current.failed_at = None
        current.deferred_at = now if is_due else None
        current.save(update_fields=["recipient_email", "recipient_name", "deferred_at", *MARKS])
        if is_due:
            defer_gift_code_mail(current.pk)


def show_code(gift: GiftOrder) -> str:
    """Return a new code for the buyer to hand over, shown once; the email isn't sent any more.

    Raises:
        NothingInEscrow, RateLimited: as `send_again`.
    """
    with _open_gift(gift) as current:
        code = _new_code(current)
        current.shown_at, current.sent_at, current.failed_at = timezone.now(), None, None
        current.save(update_fields=MARKS)
    return code


def _new_code(gift: GiftOrder) -> str:
    purchase = gift.purchase
    gift.code, code = issue_escrow_code(
        purchase.account,
        validity_days=purchase.validity_days,
        bonus_validity_days=purchase.bonus_validity_days if purchase.bonus_credits else None,
    )
    gift.save(update_fields=["code"])
    return code


@contextmanager
def _open_gift(gift: GiftOrder) -> Iterator[GiftOrder]:
    """Lock a gift that can still be redeemed."""
    check_rate(f"gift-code:{gift.pk}", CODES_A_DAY, DAY_S)
    with transaction.atomic():
        current = _locked().get(pk=gift.pk)
        if not current.is_open:
            raise NothingInEscrow(_("This gift was redeemed, or its payment was refunded or disputed."))
        yield current


def _locked() -> QuerySet[GiftOrder]:
    rows = GiftOrder.objects.select_related("purchase__user", "purchase__account", "code")
    return rows.select_for_update(of=("self",), no_key=True)
