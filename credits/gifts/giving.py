"""Gift credits to another customer: within daily limits, once per form, with an email to both."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Min, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.email_addresses import is_same_address, people_with
from accounts.models import User
from accounts.presence import keep_from_erasure
from core.storable_text import is_storable
from credits.amounts import positive_amount
from credits.deferring import defer_gift_mail
from credits.errors import GiftLimitReached, InsufficientCredits, InvalidGift, TooFresh, UnknownRecipient
from credits.formatting import credits_amount
from credits.gifts.models import LONGEST_MESSAGE, Gift
from credits.ledger import operations as ledger
from credits.ledger import refusals
from credits.ledger.arguments import checked_text
from credits.ledger.models import Account
from credits.ledger.selectors import bought_since, standing_of

DAY = timedelta(hours=24)
REFERENCE = "gift:"
ZERO = Decimal(0)


@dataclass(frozen=True)
class Allowance:
    """The rest of an account's limits: ``credits`` in ``gifts``; more after ``renews_in``, if anything was gifted."""

    credits: Decimal
    gifts: int
    renews_in: timedelta | None


@dataclass(frozen=True)
class Plan:
    """A gift that would succeed now; nothing has happened. ``left`` is what the sender can spend after it."""

    recipient: User
    amount: Decimal
    message: str
    left: Decimal


def are_offered() -> bool:
    """Return whether this site offers gifts."""
    most: int = settings.GIFT_DAILY_COUNT
    return most > 0


def find_recipient(sender: User, email: str) -> User:
    """Return the user with this address, by its normal form (`accounts.email_addresses`).

    Raises:
        UnknownRecipient: there is none, or several, or the user is deactivated.
        InvalidGift: it is the sender's own.
    """
    if is_same_address(email, sender.email):
        raise InvalidGift(_("This is your own email. Enter another customer’s."), field="email")
    found = list(people_with(email)[:2]) if is_storable(email) else []
    if len(found) != 1 or not found[0].is_active:
        raise UnknownRecipient(
            _("No customer with this email can receive credits. Enter the email they sign in with."),
            field="email",
        )
    return found[0]


def allowance_of(account_id: UUID | None) -> Allowance:
    """Return what the account may gift now, given the last 24 hours. One query."""
    recent = Gift.objects.filter(from_account=account_id, created_at__gt=timezone.now() - DAY)
    given = recent.aggregate(total=Sum("amount"), gifts=Count("pk"), first=Min("created_at"))
    return Allowance(
        credits=max(ZERO, settings.GIFT_DAILY_LIMIT - (given["total"] or ZERO)),
        gifts=max(0, settings.GIFT_DAILY_COUNT - given["gifts"]),
        renews_in=given["first"] + DAY - timezone.now() if given["first"] else None,
    )


def plan_gift(sender: User, email: str, amount: Decimal, message: str) -> Plan:
    """Return what `give` would do, for the sender to confirm.

    Raises:
        UnknownRecipient, InvalidGift, GiftLimitReached, TooFresh, InvalidAmount, InsufficientCredits: as
            `find_recipient` and `give`.
    """
    recipient = find_recipient(sender, email)
    amount, message = positive_amount(amount), checked_message(message)
    standing = standing_of(sender, None)
    available = standing.available if standing else ZERO
    if standing is None or amount > available:
        missing = amount - available
        raise InsufficientCredits(_("You don’t have enough credits."), missing=missing, amount=amount)
    require_within_limits(amount, allowance_of(standing.account_id))
    _require_ripe(standing.account_id, amount, available)
    return Plan(recipient, amount, message, available - amount)


def give(sender: User, recipient: User, amount: Decimal, message: str, key: str) -> Gift:
    """Gift ``amount`` of the sender's personal credits to ``recipient``, once per ``key``. One transaction moves the
    credits, stores the message and defers both emails. A repeat returns the first gift.

    The credits keep their expiry and kind (see `ledger.transfer`).

    Raises:
        InvalidGift: to yourself, or a message that is too long or can't be stored.
        GiftLimitReached: more than may be gifted within 24 hours.
        TooFresh: too much of it was bought less than GIFT_AFTER ago.
        UserErased: sender or recipient was just erased.
        InvalidAmount, InvalidEntry, InsufficientCredits, KeyConflict: as `ledger.transfer`.
    """
    amount, message = positive_amount(amount), checked_message(message)
    checked_text("key", key, required=True)
    if sender.pk == recipient.pk:
        raise InvalidGift(_("This is your own email. Enter another customer’s."), field="email")
    origin, target = ledger.open_account(sender), ledger.open_account(recipient)
    with transaction.atomic():
        keep_from_erasure(sender.pk, recipient.pk)
        lock_accounts(origin, target)
        earlier = Gift.objects.filter(from_account=origin, key=key).first()
        if earlier is not None:
            return _same(earlier, recipient, amount, message)
        require_within_limits(amount, allowance_of(origin.pk))
        gift = Gift.objects.create(
            sender=sender,
            recipient=recipient,
            from_account=origin,
            to_account=target,
            amount=amount,
            message=message,
            key=key,
        )
        reference = f"{REFERENCE}{gift.pk}"
        try:
            ledger.transfer(
                origin.pk, target.pk, amount, key=reference, reference=reference, fresh=settings.GIFT_AFTER
            )
        except TooFresh as error:
            raise _too_fresh(amount, error.params["missing"]) from error
        for to in ("recipient", "sender"):
            defer_gift_mail(gift.pk, to)
    return gift


def lock_accounts(*accounts: Account) -> None:
    """Lock the accounts in the ledger's order: gifts can't exceed the limits together, and don't deadlock if they
    cross.
    """
    ids = [account.pk for account in accounts]
    list(Account.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk").values_list("pk"))


def require_within_limits(amount: Decimal, allowance: Allowance) -> None:
    """Raise GiftLimitReached if the amount exceeds the allowance."""
    if allowance.gifts > 0 and amount <= allowance.credits:
        return
    wait = allowance.renews_in or timedelta(0)
    if allowance.gifts == 0:
        reason = _("You’ve reached the 24-hour gift limit. Please try again later.")
    else:
        reason = _("You can send %(left)s more credits now. The limit is %(limit)s in 24 hours.") % {
            "left": credits_amount(allowance.credits),
            "limit": credits_amount(settings.GIFT_DAILY_LIMIT),
        }
    raise GiftLimitReached(
        reason, field="amount", left=str(allowance.credits), retry_after=max(1, round(wait.total_seconds()))
    )


def _require_ripe(account_id: UUID, amount: Decimal, available: Decimal) -> None:
    """Raise TooFresh if the amount can't be gifted without credits bought less than GIFT_AFTER ago."""
    ripe = available - bought_since(account_id, settings.GIFT_AFTER)
    if amount > ripe:
        raise _too_fresh(amount, min(amount, amount - ripe))


def _too_fresh(amount: Decimal, missing: Decimal) -> TooFresh:
    hours = settings.GIFT_AFTER // timedelta(hours=1)
    reason = ngettext(
        "You can send %(ripe)s credits now. Purchased credits can be sent after %(hours)s hour.",
        "You can send %(ripe)s credits now. Purchased credits can be sent after %(hours)s hours.",
        hours,
    )
    told = {"ripe": credits_amount(amount - missing), "hours": hours}
    return TooFresh(reason % told, field="amount", missing=missing)


def checked_message(message: str) -> str:
    """Return the message, trimmed and with uniform line ends.

    Raises:
        InvalidGift: longer than 500 characters, or with characters that can't be stored.
    """
    text = "\n".join(message.strip().splitlines())
    if len(text) > LONGEST_MESSAGE:
        raise InvalidGift(
            _("A message can have up to %(most)s characters.") % {"most": LONGEST_MESSAGE}, field="message"
        )
    if not is_storable(text):
        raise InvalidGift(_("The message contains characters that can’t be saved."), field="message")
    return text


def _same(gift: Gift, recipient: User, amount: Decimal, message: str) -> Gift:
    if (gift.recipient_id, gift.amount, gift.message) != (recipient.pk, amount, message):
        raise refusals.conflict(gift.from_account_id, gift.key)
    return gift
