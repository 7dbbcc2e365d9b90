"""Find a discount code, say why it can't be used, and reserve a use of it.

A use is reserved with the purchase, in its transaction, under the code's row lock: whoever comes second waits for
milliseconds and is then told, if the last use is gone. What frees it is the purchase's status, so nothing can be
forgotten: see `DiscountUse`.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from billing.discounts.models import LONGEST_CODE, CodeAmount, DiscountCode, DiscountUse, normal_code
from billing.discounts.pricing import less_amount, less_percent
from billing.errors import CodeExpired, CodeMinimum, CodeNotForThis, CodeUnknown, CodeUsedUp
from billing.money import Money, price_refusal
from billing.packages.models import Package
from billing.purchases.models import Purchase
from core.database.locks import require_transaction
from credits.ledger.models import Account

OPEN = (Purchase.Status.PENDING, Purchase.Status.PROCESSING)


def codes_are_accepted() -> bool:
    """Return whether any code may be used now."""
    now = timezone.now()
    begun = DiscountCode.objects.exclude(starts_at__gt=now).exclude(ends_at__lte=now)
    return begun.filter(is_active=True).exists()


def find_code(text: str) -> DiscountCode:
    """Return the code that a buyer typed.

    Raises:
        CodeUnknown: there is none, it isn't accepted any more, or hasn't begun.
        CodeExpired: it has ended.
    """
    typed = normal_code(text)
    known = DiscountCode.objects.prefetch_related("packages", "amounts")
    found = known.filter(code=typed).first() if typed.isascii() else None
    if found is None or found.state in (DiscountCode.State.OFF, DiscountCode.State.AHEAD):
        raise CodeUnknown(_("We don’t know this code."), discount_code=typed[:LONGEST_CODE])
    if found.state == DiscountCode.State.ENDED:
        raise CodeExpired(_("This code has expired."), discount_code=found.code)
    return found


def price_with(code: DiscountCode, price: Money, packages: Sequence[Package]) -> Money:
    """Return what is left of the price of packages, or of a custom amount, with the code. Uses its prefetched packages
    and amounts.

    Raises:
        CodeNotForThis: it is for other packages, or for other currencies.
        CodeMinimum: it takes a higher price, or too little is left for Stripe to charge.
    """
    for_packages = {each.pk for each in code.packages.all()}
    bought = {package.pk for package in packages}
    if not price.minor or (for_packages and not (bought and bought <= for_packages)):
        several = len(bought) > 1
        why = (
            _("This code isn’t for all of these packages.")
            if several
            else _("This code isn’t for this package.")
        )
        raise CodeNotForThis(why, discount_code=code.code)
    inside = next((each for each in code.amounts.all() if each.currency == price.currency), None)
    if inside is not None and price.minor < inside.minimum_minor:
        least = Money(inside.minimum_minor, price.currency)
        raise CodeMinimum(
            _("This code takes a price of at least %(least)s.") % {"least": least}, discount_code=code.code
        )
    left = _left(code, price, inside)
    if left is None:
        raise CodeNotForThis(_("This code isn’t for this currency."), discount_code=code.code)
    if refusal := price_refusal(left):
        raise CodeMinimum(
            _("With this code, too little would be left to pay. %(why)s") % {"why": refusal},
            discount_code=code.code,
        )
    return left


def require_use_left(code: DiscountCode, user: User, account: Account | None) -> None:
    """Require that the code can be used once more, by this buyer.

    Raises:
        CodeUsedUp: by all, or by this buyer.
        CodeNotForThis: it is for a first purchase.
    """
    if code.max_uses is not None and code.used >= code.max_uses:
        raise CodeUsedUp(_("This code has been used up."), discount_code=code.code)
    buyer = Q(purchase__user=user) | Q(purchase__account=account) if account else Q(purchase__user=user)
    if code.once_per_buyer or code.first_purchase_only:
        own = code.live_uses.filter(buyer)
        if own.filter(purchase__status__in=OPEN).exists():
            raise CodeUsedUp(
                _("You have an open checkout with this code. Continue or dismiss it under your purchases."),
                discount_code=code.code,
            )
        if own.exists():
            raise CodeUsedUp(_("You’ve already used this code."), discount_code=code.code)
    if code.first_purchase_only and _has_bought(user, account):
        raise CodeNotForThis(_("This code is for a first purchase."), discount_code=code.code)


def reserve(code: DiscountCode, purchase: Purchase) -> None:
    """Reserve a use of the code for a purchase just written down. The caller's transaction is that of the purchase.

    Raises:
        CodeUnknown, CodeExpired, CodeUsedUp, CodeNotForThis: it can't be used any more.
    """
    require_transaction()
    if not purchase.price_minor:  # its credits follow: the account's lock always comes before the code's
        Account.objects.select_for_update(no_key=True).get(pk=purchase.account_id)
    DiscountCode.objects.select_for_update(no_key=True).get(pk=code.pk)
    current = find_code(code.code)
    assert purchase.user is not None  # noqa: S101 - it was just created for this user
    require_use_left(current, purchase.user, purchase.account)
    DiscountUse.objects.create(purchase=purchase, discount_code=current)


def _left(code: DiscountCode, price: Money, inside: CodeAmount | None) -> Money | None:
    if code.percent is not None:
        return less_percent(price, code.percent)
    if inside is None or inside.amount_minor is None:
        return None
    return less_amount(price, inside.amount_minor)


def _has_bought(user: User, account: Account | None) -> bool:
    buyer = Q(user=user) | Q(account=account) if account else Q(user=user)
    return Purchase.objects.filter(buyer, completed_at__isnull=False, paid_minor__gt=0).exists()
