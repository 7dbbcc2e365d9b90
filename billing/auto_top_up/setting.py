"""Set up, change, turn off and read an account's automatic top-up."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.presence import keep_from_erasure
from billing.auto_top_up.attempts import charged_this_month
from billing.auto_top_up.models import Attempt, AutoTopUp
from billing.auto_top_up.watching import go_on
from billing.checkout.card_payments import cancel_card_purchase
from billing.checkout.terms import PurchaseTerms, terms_of_amount, terms_of_package
from billing.customers.methods import default_method
from billing.customers.models import Consent, SavedMethod
from billing.customers.permissions import manages_billing
from billing.errors import (
    ConsentMissing,
    InvalidLimit,
    MayNotManageBilling,
    NoPaymentMethod,
    TaxNeedsCheckout,
)
from billing.money import Money
from billing.provider.errors import StripeRefused, StripeUnavailable
from billing.purchases.log import Source
from billing.purchases.models import PurchaseEvent
from billing.tax import taxes_sales
from credits.amounts import positive_amount
from credits.formatting import credits_amount
from credits.ledger.models import Account

State, Reason = AutoTopUp.State, AutoTopUp.Reason
# In minor units: no month comes near, and it fits the column.
HIGHEST_LIMIT = 10**12


@dataclass(frozen=True)
class Wish:
    """An automatic top-up as its owner wants it: a package, or an amount in the currency's main unit."""

    threshold: Decimal
    monthly_limit: Decimal
    package_code: str = ""
    amount: Decimal | None = None
    currency: str = ""
    consents: bool = False

    def terms(self) -> PurchaseTerms:
        """Return what is bought each time. Raises a `BillingError` if it is not on sale."""
        if self.amount is None:
            return terms_of_package(self.package_code)
        return terms_of_amount(self.amount, self.currency)


@dataclass(frozen=True)
class Standing:
    """How an automatic top-up stands now. ``state`` is one of the API's words; ``card`` is the one to be charged."""

    row: AutoTopUp | None
    state: str
    charged: Money | None
    last_attempt: Attempt | None
    card: SavedMethod | None


def consent_wording(wish: Wish, terms: PurchaseTerms) -> str:
    """Return the words that the owner agrees to; they are kept."""
    return _(
        "I agree that %(site)s charges my default card without asking each time: whenever fewer than %(threshold)s "
        "credits are available, %(credits)s credits for %(price)s, or as many of these as it takes, but never more "
        "than %(limit)s in a calendar month, until I turn this off."
    ) % {
        "site": settings.SITE_NAME,
        "threshold": credits_amount(wish.threshold),
        "credits": credits_amount(terms.at_regular_price().credits),
        "price": terms.regular,
        "limit": Money.from_major(wish.monthly_limit, terms.price.currency),
    }


def turn_on(user: User, account: Account, wish: Wish) -> AutoTopUp:
    """Turn automatic top-up on, or change it, with the consent given now.

    Raises:
        MayNotManageBilling: only the owner, or a team's owner and admins, may.
        ConsentMissing, NoPaymentMethod: nothing may be charged.
        TaxNeedsCheckout: what is bought is taxed.
        InvalidLimit: the limit is no amount of money, or doesn't allow a single top-up.
        BillingError, InvalidAmount: what is to be bought is not on sale; the threshold is no amount of credits.
    """
    _require_manager(user, account)
    if taxes_sales():
        raise TaxNeedsCheckout
    if not wish.consents:
        raise ConsentMissing(_("Automatic top-up needs your consent to be charged."))
    threshold, terms = positive_amount(wish.threshold), wish.terms()
    limit = _limit(wish, terms)
    if default_method(account) is None:
        raise NoPaymentMethod(_("Save a card first."))
    with transaction.atomic():
        keep_from_erasure(user.pk)
        consent = Consent.objects.create(
            customer=account.customer,
            kind=Consent.Kind.AUTO_TOP_UP,
            wording=consent_wording(wish, terms),
            given_by=user,
        )
        values = {
            "threshold": threshold,
            "package_code": wish.package_code if wish.amount is None else "",
            "custom_minor": None if wish.amount is None else terms.price.minor,
            "currency": terms.price.currency,
            "monthly_limit_minor": limit.minor,
            "agreed_minor": terms.regular.minor,
            "agreed_credits": terms.at_regular_price().credits,
        }
        row, is_new = AutoTopUp.objects.select_for_update().get_or_create(account=account, defaults=values)
        if not is_new:
            _withdraw(row)
            for name, value in values.items():
                setattr(row, name, value)
        row.consent = consent
        if row.reason == Reason.STAFF:
            row.save()  # what staff suspended stays so
        else:
            go_on(row)
    return row


def turn_off(user: User, account: Account) -> None:
    """Turn automatic top-up off, withdraw the consent, and cancel a payment that isn't made yet.

    Raises:
        MayNotManageBilling: see `turn_on`.
    """
    _require_manager(user, account)
    with transaction.atomic():
        row = AutoTopUp.objects.select_for_update().filter(account=account).first()
        if row is None:
            return
        _withdraw(row)
        row.state, row.reason, row.retry_at, row.asked_at = State.OFF, Reason.OWNER, None, None
        row.save()
        open_attempt = row.attempts.filter(outcome=Attempt.Outcome.OPEN).select_related("purchase").first()
    if open_attempt is not None and open_attempt.purchase.is_open:
        try:
            cancel_card_purchase(open_attempt.purchase, Source(PurchaseEvent.Source.PAGE, actor_id=user.pk))
        except (StripeUnavailable, StripeRefused):
            return  # it may be paid: the sweeper looks


def try_again(user: User, account: Account) -> None:
    """Resume what a decline stopped, as its owner says so. Raises as `turn_on`."""
    _require_manager(user, account)
    if default_method(account) is None:
        raise NoPaymentMethod(_("Save a card first."))
    with transaction.atomic():
        row = AutoTopUp.objects.select_for_update().filter(account=account).first()
        if row is not None and row.state != State.OFF and row.reason != Reason.STAFF:
            go_on(row)


def standing_of(account: Account | None) -> Standing:
    """Return how the account's automatic top-up stands."""
    row = AutoTopUp.objects.filter(account=account).first() if account else None
    card = default_method(account) if account else None
    if row is None:
        return Standing(None, "off", None, None, card)
    last = row.attempts.select_related("purchase").first()
    return Standing(row, _state_in_words(row, last), charged_this_month(row), last, card)


def _limit(wish: Wish, terms: PurchaseTerms) -> Money:
    try:
        limit = Money.from_major(wish.monthly_limit, terms.price.currency)
    except ValueError as error:
        raise InvalidLimit(_("The monthly limit has too many decimal places.")) from error
    if limit.minor > HIGHEST_LIMIT:
        raise InvalidLimit(_("The monthly limit is too high."))
    if not terms.price.minor or limit.minor < terms.price.minor:
        raise InvalidLimit(_("The monthly limit must allow at least one top-up."), price=str(terms.price))
    return limit


def _state_in_words(row: AutoTopUp, last: Attempt | None) -> str:
    if row.state != State.ON:
        return row.state
    if last is not None and last.outcome == Attempt.Outcome.OPEN:
        return "charging"
    return "waiting" if row.retry_at is not None and row.retry_at > timezone.now() else "on"


def _withdraw(row: AutoTopUp) -> None:
    if row.consent_id is not None:
        Consent.objects.filter(pk=row.consent_id, withdrawn_at=None).update(withdrawn_at=timezone.now())


def _require_manager(user: User, account: Account) -> None:
    if not manages_billing(user, account):
        raise MayNotManageBilling(_("Only the team’s owner and admins can do this."))
