"""Start a purchase: from "Buy" to the URL of Stripe's checkout page. A free one completes here, without Stripe.

The intent is committed first, then Stripe is called, then the answer is recorded. After a crash in between, the sweeper
closes the purchase: it looks for our reference at Stripe, and expires the purchase if it finds none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import structlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.limits.rates import RateLimited, check_rate
from accounts.models import User
from accounts.presence import keep_from_erasure
from accounts.teams.membership import find_own
from accounts.teams.models import Team
from billing.checkout.card_payments import charge_purchase
from billing.checkout.free_packages import require_not_taken
from billing.checkout.fulfilment import fulfil_purchase
from billing.checkout.orders import PurchaseOrder
from billing.checkout.return_urls import (
    SESSION_PLACEHOLDER,
    allowed_return_url,
    default_cancel_url,
    default_success_url,
)
from billing.checkout.terms import PurchaseTerms, name_of_several
from billing.customers.at_stripe import with_customer
from billing.customers.consents import consent_for
from billing.customers.methods import card_to_charge
from billing.customers.permissions import manages_billing
from billing.discounts.codes import reserve
from billing.errors import (
    IdempotencyKeyReused,
    InvalidIdempotencyKey,
    PurchaseInProgress,
    TaxNeedsCheckout,
    TooManyPurchases,
)
from billing.gift_codes.ordering import paying_account
from billing.provider import provider
from billing.provider.errors import StripeRefused, StripeUnavailable
from billing.provider.interface import CheckoutLine, CheckoutRequest
from billing.provider.objects import CheckoutSession
from billing.purchases.log import Change, Source, lock_purchase, record
from billing.purchases.models import Purchase, PurchaseEvent, PurchaseLine
from billing.purchases.payment_reports import PaymentReport
from billing.tax import taxes_sales
from credits.formatting import plain
from credits.ledger import operations as ledger

log = structlog.get_logger(__name__)
LONGEST_KEY = 255


@dataclass(frozen=True)
class StartedPurchase:
    """A purchase to be paid at ``checkout_url``, which is the success page where nothing is left to do."""

    purchase: Purchase
    checkout_url: str
    session_id: str


def start_purchase(user: User, order: PurchaseOrder, source: PurchaseEvent.Source) -> StartedPurchase:
    """Open a checkout for what is ordered, or charge a saved card. A repeat with the same key returns the same.

    Raises:
        UnknownPackage: no package on sale has this code.
        BundleRefused: these packages can't be bought together.
        CustomAmountsNotSold, AmountRefused: the amount can't be bought.
        AlreadyTaken: it is free, once per buyer, and was claimed before.
        InvalidGift: it can't be a gift, or not to this recipient.
        CodeRefused: the discount code can't be used, for this or any more.
        OfferChanged: it differs from what the buyer was shown.
        UnknownTeam: there is no such team, or the buyer is not in it.
        UnknownPaymentMethod: the account has no such card, or the buyer may not use it.
        NoPaymentMethod: the default card was to be charged, and there is none.
        NoConsent: the card was saved without consent to charge it.
        TaxNeedsCheckout: a saved card was to be charged for what is taxed.
        ReturnUrlNotAllowed, InvalidIdempotencyKey: the order is not acceptable.
        TooManyPurchases: too many in a short time, over pages and API together.
        IdempotencyKeyReused: the key came with another order before.
        PurchaseInProgress: the first call with this key is still under way.
        UserErased: the buyer was just erased.
        StripeBusy: too many requests are waiting for Stripe; nothing was begun.
        StripeUnavailable, StripeRefused: nothing was charged, the purchase is marked as failed.
        WrongStripeAccount: the key belongs to another account or mode than our data.
    """
    _check(order)
    check_purchase_rate(user)
    earlier = _earlier_purchase(user, order)
    if earlier is not None:
        return _repeated(earlier, order)
    # Read once: the purchase copies exactly what was compared with the seen offer, despite concurrent edits.
    terms = order.terms()
    order.seen.require_unchanged(terms)
    if (order.card_id or order.by_default_card) and terms.price.minor and taxes_sales():
        raise TaxNeedsCheckout
    team = find_own(order.team_id, user).team if order.team_id else None
    if order.gift is not None:
        is_ours = bool(order.team_id or order.card_id or order.by_default_card)
        order.gift.require_fitting(terms.price, is_one=not terms.lines, is_ours=is_ours)
    if not terms.price.minor:
        try:
            return _completed(_commit_free(user, team, terms, order, source), order)
        except IntegrityError as error:
            return _concurrent_purchase(user, team, terms, order, error)
    with provider().place():  # before the commit, so that a refused call can be retried with the same key
        provider().require_own_account()
        try:
            purchase = _commit_intent(user, team, terms, order, source)
        except IntegrityError as error:
            return _concurrent_purchase(user, team, terms, order, error)
        if purchase.charges_card:
            success_url = order.success_url or default_success_url()
            return _paid_by_card(charge_purchase(purchase, success_url, Source(source)), order)
        return _open_checkout(purchase, terms, order, Source(source))


def _concurrent_purchase(
    user: User, team: Team | None, terms: PurchaseTerms, order: PurchaseOrder, refused: IntegrityError
) -> StartedPurchase:
    """Return the concurrent purchase that came first, with the same key or for the same free package."""
    earlier = _earlier_purchase(user, order)
    if earlier is None:
        require_not_taken(user, team, terms.package)
        raise refused
    return _repeated(earlier, order)


def _check(order: PurchaseOrder) -> None:
    for url in (order.success_url, order.cancel_url):
        if url:
            allowed_return_url(url)
    if len(order.idempotency_key) > LONGEST_KEY or not order.idempotency_key.isprintable():
        raise InvalidIdempotencyKey(
            f"An idempotency key can have at most {LONGEST_KEY} printable characters."
        )


def check_purchase_rate(user: User) -> None:
    """Count a purchase or subscription about to be begun. Raises `TooManyPurchases`."""
    try:
        check_rate(f"purchase:{user.pk}", *settings.PURCHASE_RATE)
    except RateLimited as error:
        seconds = error.params["retry_after"]
        raise TooManyPurchases(
            f"Too many purchases. Try again in {seconds} seconds.", retry_after=seconds
        ) from error


def _earlier_purchase(user: User, order: PurchaseOrder) -> Purchase | None:
    if not order.idempotency_key:
        return None
    return Purchase.objects.filter(user=user, idempotency_key=order.idempotency_key).first()


def _repeated(purchase: Purchase, order: PurchaseOrder) -> StartedPurchase:
    if purchase.request_fingerprint != order.fingerprint:
        raise IdempotencyKeyReused("This idempotency key was already used with another request body.")
    if purchase.bypassed_stripe:
        return _completed(purchase, order)
    if purchase.charges_card:
        return _paid_by_card(purchase, order)
    if purchase.checkout_url and purchase.stripe_session_id:
        return StartedPurchase(purchase, purchase.checkout_url, purchase.stripe_session_id)
    if purchase.status in {Purchase.Status.FAILED, Purchase.Status.EXPIRED}:
        raise StripeUnavailable(
            "The first request with this idempotency key failed and nothing was charged. Try again with a new key.",
            purchase_id=str(purchase.pk),
        )
    raise PurchaseInProgress("The first request with this idempotency key is still in progress.")


@transaction.atomic(durable=True)  # no caller's transaction may be open while Stripe is called
def _commit_intent(
    user: User, team: Team | None, terms: PurchaseTerms, order: PurchaseOrder, source: PurchaseEvent.Source
) -> Purchase:
    return _write_down(user, team, terms, order, source)


@transaction.atomic(durable=True)
def _commit_free(
    user: User, team: Team | None, terms: PurchaseTerms, order: PurchaseOrder, source: PurchaseEvent.Source
) -> Purchase:
    """Commit the purchase and its credits together, as Stripe isn't involved."""
    require_not_taken(user, team, terms.package)
    purchase = _write_down(user, team, terms, order, source)
    return fulfil_purchase(purchase.pk, PaymentReport.of_nothing(purchase.currency), Source(source))


def _completed(purchase: Purchase, order: PurchaseOrder) -> StartedPurchase:
    """Send the buyer to the success URL, with the purchase's id in place of a session's."""
    reference = str(purchase.pk)
    url = (order.success_url or default_success_url()).replace(SESSION_PLACEHOLDER, reference)
    return StartedPurchase(purchase, url, reference)


def _paid_by_card(purchase: Purchase, order: PurchaseOrder) -> StartedPurchase:
    """Send the buyer to their bank if it asks for them, else to the success URL."""
    started = _completed(purchase, order)
    if purchase.status == Purchase.Status.PENDING and purchase.checkout_url:
        return replace(started, checkout_url=purchase.checkout_url)
    return started


def _write_down(
    user: User, team: Team | None, terms: PurchaseTerms, order: PurchaseOrder, source: PurchaseEvent.Source
) -> Purchase:
    keep_from_erasure(user.pk)
    gift = order.gift.checked(user) if order.gift else None
    account = (
        ledger.open_escrow()
        if gift
        else ledger.open_team_account(team)
        if team
        else ledger.open_account(user)
    )
    by_card = terms.price.minor and (order.card_id or order.by_default_card)
    card = card_to_charge(user, account, order.card_id) if by_card else None
    purchase = Purchase(
        user=user,
        account=account,
        charged_method=card,
        consent=consent_for(card) if card else None,
        stripe_customer_id=card.customer.stripe_customer_id or "" if card else "",
        idempotency_key=order.idempotency_key or None,
        request_fingerprint=order.fingerprint,
        invoiced_by_stripe=settings.STRIPE_INVOICES and terms.price.minor > 0 and card is None,
        allows_promotion=settings.STRIPE_PROMOTION_CODES and card is None and terms.takes_promotion_code,
        **terms.copied(),
    )
    record(purchase, Change("started"), Source(source))
    PurchaseLine.objects.bulk_create(
        PurchaseLine(purchase=purchase, **fields) for fields in terms.copied_lines()
    )
    if gift is not None:
        gift.purchase = purchase
        gift.save()
    if terms.discount_code is not None:
        reserve(terms.discount_code, purchase)
    return purchase


def _open_checkout(
    purchase: Purchase, terms: PurchaseTerms, order: PurchaseOrder, source: Source
) -> StartedPurchase:
    def create(customer_id: str) -> CheckoutSession:
        return provider().create_checkout_session(_checkout_request(purchase, terms, order, customer_id))

    try:
        session = with_customer(paying_account(purchase), create)
    except (StripeUnavailable, StripeRefused) as error:
        _mark_failed(purchase, error.code, source)
        error.params["purchase_id"] = str(purchase.pk)
        raise
    return _record_session(purchase, session, source)


def _checkout_request(
    purchase: Purchase, terms: PurchaseTerms, order: PurchaseOrder, customer_id: str
) -> CheckoutRequest:
    user = purchase.user
    assert user is not None  # noqa: S101 - it was just created for this user
    return CheckoutRequest(
        purchase_id=str(purchase.pk),
        user_id=str(user.pk),
        package_code=purchase.package_code,
        package_id=order.package_id,
        package_name=purchase.package_name,
        credits=plain(purchase.credits),
        bought=_in_words(purchase),
        price_id=terms.price_id,
        product_id=terms.product_id,
        lines=_checkout_lines(terms),
        price_minor=purchase.price_minor,
        currency=purchase.currency,
        customer_id=customer_id,
        success_url=order.success_url or default_success_url(),
        cancel_url=order.cancel_url or default_cancel_url(),
        expires_at=timezone.now() + settings.CHECKOUT_SESSION_LIFETIME,
        with_invoice=purchase.invoiced_by_stripe,
        with_cards=manages_billing(user, paying_account(purchase)),
        tax_behavior=purchase.tax_behavior,
        with_promotion_codes=purchase.allows_promotion,
    )


def _checkout_lines(terms: PurchaseTerms) -> tuple[CheckoutLine, ...]:
    """Return what Stripe's page lists for a purchase of several packages: each with its price, the free ones apart."""
    found: list[CheckoutLine] = []
    for each, copied in zip(terms.lines, terms.copied_lines(), strict=True):
        minor, paid = copied["price_minor"], each.count - each.free
        line = CheckoutLine(each.terms.name, each.terms.product_id, minor, 1)
        free = replace(line, unit_minor=0, quantity=each.free)
        if paid and minor % paid == 0:
            line = replace(line, unit_minor=minor // paid, quantity=paid)
        elif paid > 1:
            line = replace(line, name=name_of_several(each.terms.name, paid), product_id="")
        found += [line] * bool(paid) + [free] * bool(each.free)
    return tuple(found)


def _in_words(purchase: Purchase) -> str:
    """Describe what is bought and for whom, replacing square brackets, which Stripe turns into links."""
    team = purchase.account.team
    values = {"credits": purchase.credits_in_words}
    if not purchase.account.has_holder:
        return _("%(credits)s as a gift") % values
    if team is None:
        return _("%(credits)s for your personal account") % values
    values["team"] = team.name.replace("[", "(").replace("]", ")")
    return _("%(credits)s for the team %(team)s") % values


def _record_session(purchase: Purchase, session: CheckoutSession, source: Source) -> StartedPurchase:
    with transaction.atomic():
        # The webhook may have been quicker than this commit: read the row again.
        purchase = lock_purchase(purchase.pk)
        purchase.stripe_session_id = session.id
        purchase.checkout_url = session.url
        record(purchase, Change("checkout_opened", detail={"session": session.id}), source)
    log.info(
        "checkout_session_created",
        session=session.id,
        purchase=str(purchase.pk),
        user=str(purchase.user_id),
        package=purchase.package_code,
    )
    return StartedPurchase(purchase, session.url, session.id)


def _mark_failed(purchase: Purchase, code: str, source: Source) -> None:
    with transaction.atomic():
        purchase = lock_purchase(purchase.pk)
        if purchase.status == Purchase.Status.PENDING:
            purchase.failure_code = code
            record(purchase, Change("checkout_not_opened", Purchase.Status.FAILED, {"code": code}), source)
