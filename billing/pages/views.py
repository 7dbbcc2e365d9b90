"""Serve the buyer's pages: shop, Buy, success and history, rendered on the server and complete without JavaScript."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.downloads import file_headers
from accounts.errors import UserErased
from accounts.limits.rates import RateLimited, check_rate
from accounts.models import User
from accounts.sign_in.resuming import posted_from
from accounts.teams.errors import UnknownTeam
from accounts.teams.models import Team
from accounts.teams.shown_account import ask_again, for_the_shown_account
from accounts.teams.switching import acting_team
from billing.auto_top_up.watching import go_on_once_confirmed
from billing.checkout.free_packages import is_once, taken_codes
from billing.checkout.orders import PurchaseOrder
from billing.checkout.return_urls import default_cancel_url, default_success_url, local_path
from billing.checkout.seen_offers import SeenOffer
from billing.checkout.starting import StartedPurchase, start_purchase
from billing.checkout.success import confirm_session
from billing.customers.methods import card_for_purchases
from billing.discounts.models import LONGEST_CODE
from billing.discounts.multi_buys import multi_buys_now
from billing.errors import (
    AlreadyTaken,
    AmountRefused,
    BillingError,
    BundleRefused,
    CodeRefused,
    CustomAmountsNotSold,
    NoConsent,
    OfferChanged,
    PurchaseInProgress,
    SessionNotFound,
    TaxNeedsCheckout,
    TooManyPurchases,
    UnknownPackage,
    UnknownPaymentMethod,
)
from billing.packages.selectors import offers_on_sale
from billing.pages.amounts import amount_cards
from billing.pages.coming_back import tell_who_comes_back
from billing.pages.currencies import currency_of
from billing.pages.offers import shown_offers
from billing.pages.several import read_items, several
from billing.pages.shown_plans import shop_plans
from billing.pages.tax_words import tax_words
from billing.privacy.export import write_export
from billing.provider.errors import StripeRefused
from billing.purchases.failures import why_failed
from billing.purchases.models import Purchase, PurchaseEvent
from billing.purchases.payment_methods import paid_with
from billing.purchases.selectors import purchases_of, recent_purchases, sees_documents_of
from billing.recovery.consents import are_offered, has_agreed, reminder_wording
from billing.refunds.selectors import purchases_with_documents
from billing.reporting.visits import note_visit
from billing.tax import taxes_sales
from core.amounts.parsing import NotAnAmount, parse_amount
from core.database.replica.reading import read_from_replica, reads_from_replica
from core.database.replica.routing import note_seen
from core.uuids import as_uuid
from credits.gifts.giving import are_offered as gifts_are_offered
from credits.ledger.holders import sees_credits_of
from credits.ledger.selectors import find_balance, get_balance

RECENT = 5
PAGE_SIZE = 20
EXPORTS_PER_MINUTE = 2
SEE_OTHER = 303
# Up to this age, the success page of a purchase refreshes every so many seconds.
REFRESH_PAUSES = [(timedelta(minutes=10), 2), (timedelta(hours=1), 15)]
LONGEST_PAUSE = 60
# Stripe adds these to the address that a buyer returns to from their bank. A secret shall not stay in the address bar.
ADDED_BY_STRIPE = ("payment_intent", "payment_intent_client_secret", "redirect_status", "source_type")


@never_cache
@login_required
@require_safe
def credits_page(request: HttpRequest) -> HttpResponse:
    """Show the balance, the packages on sale and the latest purchases."""
    if back := tell_who_comes_back(request):
        return back
    note_visit(request)
    note_seen()
    return _shop(request, acting_team(request))


@never_cache
@login_required
@require_safe
def amount_page(request: HttpRequest) -> HttpResponse:
    """Show in the shop what a chosen amount buys; htmx takes the card out of it."""
    return _shop(request, acting_team(request), asked=request.GET)


def _shop(
    request: HttpRequest, team: Team | None, status: int = 200, asked: QueryDict | None = None
) -> HttpResponse:
    user = cast(User, request.user)
    currencies, currency = currency_of(request, team)
    window = offers_on_sale(currency)
    code = (asked or request.GET).get("code", "")
    offers, entered = shown_offers(window, user, team, code)
    amounts, plans = amount_cards(currency, asked or {}, entered.code), shop_plans(user, team)
    shown = [*(each.terms.price.currency for each in offers), *(each.limits.currency for each in amounts)]
    came_from = request.get_full_path() if request.GET and asked is None else ""
    context = {
        "team": team,
        "balance": get_balance(user, team),
        "offers": offers,
        "entered_code": entered,
        "multi_buys": multi_buys_now(),
        "currencies": currencies,
        "currency": currency,
        "card": None if taxes_sales() else card_for_purchases(user, team),
        "amounts": amounts,
        "tax_words": tax_words([*shown, *(plan.currency for plan in plans["plans"])]),
        "taken": taken_codes(user, team) if any(is_once(offer.package) for offer in window) else set(),
        "recent": recent_purchases(purchases_of(user, team=team), RECENT),
        "back": local_path(request.GET.get("next", "")) or came_from,
        **plans,
        "reminders": _reminders(user),
        "gives": team is None and gifts_are_offered(),
        # A token per display of the page, so that pressing Buy twice makes one purchase.
        "order_token": uuid.uuid4(),
    }
    return render(request, "credits/purchase.html", context, status=status)


def _reminders(user: User) -> dict[str, Any] | None:
    """Return what the shop says of checkout reminders; None if there are none."""
    return {"wording": reminder_wording(), "agreed": has_agreed(user)} if are_offered() else None


@never_cache
@login_required
@posted_from(gettext_lazy("You were signed out. Nothing was charged. Please press Buy again."), "credits")
@require_POST
@for_the_shown_account(ask_again("credits"))
def buy(request: HttpRequest, team: Team | None) -> HttpResponse:
    """Open a checkout for the account that the page showed, and redirect the buyer to it."""
    try:
        started = start_order(cast(User, request.user), _order(request.POST, team))
    except OfferChanged as error:
        messages.warning(request, error.message)
        if "items" in request.POST:
            return several(request, request.POST, error.status)
        return _shop(request, team, error.status, asked=request.POST)
    except (BillingError, UnknownTeam, UserErased) as error:
        messages.add_message(request, *why_not(error, by_card=bool(request.POST.get("card"))))
        return redirect("credits")
    return HttpResponse(status=SEE_OTHER, headers={"Location": started.checkout_url})


def why_not(error: Exception, by_card: bool) -> tuple[int, str]:
    """Return the level and the text of the message that says why nothing was started."""
    match error:
        case UnknownPackage():
            return messages.ERROR, _("This package is no longer on sale. Please choose another one.")
        case PurchaseInProgress():
            # Pressed twice: the browser dropped the first response, whose purchase is listed below or soon will be.
            return messages.INFO, _(
                "Your checkout is opening. Continue it below, or reload if it isn’t there yet."
            )
        case TooManyPurchases():
            told = ngettext(
                "You’ve started too many purchases. Please try again in %(seconds)s second.",
                "You’ve started too many purchases. Please try again in %(seconds)s seconds.",
                error.params["retry_after"],
            )
            return messages.ERROR, told % {"seconds": error.params["retry_after"]}
        case UnknownPaymentMethod() | NoConsent():
            return messages.WARNING, _("This card can’t be charged any more. Nothing was charged.")
        # Changed just now, on another page or by staff.
        case (
            AlreadyTaken()
            | UnknownTeam()
            | CustomAmountsNotSold()
            | AmountRefused()
            | BundleRefused()
            | CodeRefused()
            | TaxNeedsCheckout()
        ):
            return messages.WARNING, error.message
        case StripeRefused() if by_card:
            return messages.WARNING, _(
                "This card can’t be charged. Nothing was charged. Please press Buy instead."
            )
        case StripeRefused():
            return messages.ERROR, _(
                "The checkout couldn’t be opened. Nothing was charged. Please contact support."
            )
    return messages.ERROR, _("The checkout couldn’t be opened. Nothing was charged. Please try again.")


def _order(form: QueryDict, team: Team | None) -> PurchaseOrder:
    """Read the order, with the offer and return page that the form recorded; an older form lacks them."""
    seen = seen_in(form)
    try:
        amount = parse_amount(form.get("amount", "")) if "amount" in form else None
    except NotAnAmount as error:
        raise BadRequest("The amount is no amount.") from error
    items, token = read_items(form.get("items", "")), form.get("order_token", "")[:64]
    code = form.get("package_code", "") if amount is None and not items else ""
    discount_code = form.get("code", "")[:LONGEST_CODE]
    back = local_path(form.get("next", ""))
    bought = f"{code or form.get('items', '')[:200] or f'{amount} {seen.currency}'}{discount_code}"
    card_id = as_uuid(form.get("card", ""))
    token = f"{token}:{card_id}" if token and card_id else token
    return PurchaseOrder(
        code,
        amount=amount,
        currency=seen.currency or "",
        card_id=card_id,
        idempotency_key=f"page:{token}:{bought}" if token else "",
        team_id=team.pk if team else None,
        success_url=default_success_url(back),
        cancel_url=default_cancel_url(back),
        seen=seen,
        discount_code=discount_code,
        items=items,
    )


def seen_in(form: QueryDict) -> SeenOffer:
    """Read the offer that a form recorded as shown."""
    price, currency, credits = (form.get(name) or None for name in ("price", "currency", "credits"))
    try:
        return SeenOffer(price and parse_amount(price), currency, credits and parse_amount(credits))
    except NotAnAmount as error:
        raise BadRequest("Price or credits are no amount.") from error


def start_order(user: User, order: PurchaseOrder) -> StartedPurchase:
    """Start the purchase of a form that may have been sent before."""
    started = start_purchase(user, order, PurchaseEvent.Source.PAGE)
    purchase = started.purchase
    # A card is charged once per display of the page, however often its button is pressed.
    if purchase.status == Purchase.Status.PENDING or purchase.bypassed_stripe or purchase.charges_card:
        return started
    # The page was left open, or restored with the Back button: its purchase is over, so this is a new one.
    return start_purchase(user, replace(order, idempotency_key=""), PurchaseEvent.Source.PAGE)


@never_cache
@login_required
@require_safe
def success_page(request: HttpRequest) -> HttpResponse:
    """Show the purchase after payment: verify and credit it if needed, and refresh until it is final."""
    user = cast(User, request.user)
    if not request.GET.keys().isdisjoint(ADDED_BY_STRIPE):
        return redirect(_without(request, *ADDED_BY_STRIPE))
    try:
        purchase = confirm_session(user, request.GET.get("session_id", ""), PurchaseEvent.Source.SUCCESS_PAGE)
    except SessionNotFound as error:
        raise Http404(error.message) from error
    go_on_once_confirmed(purchase.account_id)
    note_seen()
    context = {
        "purchase": purchase,
        "team": purchase.account.team,
        "back": local_path(request.GET.get("next", "")),
        "balance": find_balance(purchase.account_id) if sees_credits_of(user, purchase.account) else None,
        "session_id": request.GET["session_id"],
        "paid_with": paid_with(purchase.payment) if purchase.payment else "",
        "refresh_seconds": _refresh_seconds(purchase),
        "why_failed": why_failed(purchase),
    }
    return render(request, "credits/success.html", context)


def _without(request: HttpRequest, *names: str) -> str:
    """Return the page's URL without these parameters."""
    rest = request.GET.copy()
    for name in names:
        rest.pop(name, None)
    return f"{request.path}?{rest.urlencode()}"


def _refresh_seconds(purchase: Purchase) -> int | None:
    """Return the seconds to the next refresh, growing as each asks Stripe; None if there is nothing to wait for."""
    if not purchase.is_open or purchase.attention:
        return None
    age = timezone.now() - purchase.created_at
    return next((pause for younger_than, pause in REFRESH_PAUSES if age < younger_than), LONGEST_PAUSE)


@never_cache
@login_required
@require_safe
def history_page(request: HttpRequest) -> HttpResponse:
    """List the purchases of the active account, a page at a time, optionally of one status."""
    return tell_who_comes_back(request) or _history(request)


@reads_from_replica
def _history(request: HttpRequest) -> HttpResponse:
    user, team = cast(User, request.user), acting_team(request)
    status = request.GET.get("status", "")
    if status not in Purchase.Status.values:
        status = ""
    purchases = purchases_with_documents(user, status, team)
    paginator = Paginator(purchases, PAGE_SIZE)
    page = paginator.get_page(request.GET.get("page"))
    context: dict[str, Any] = {
        "team": team,
        "sees_documents": sees_documents_of(user, team),
        "page": page,
        "page_range": paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1),
        "status": status,
        "statuses": Purchase.Status.choices,
    }
    return render(request, "credits/history.html", context)


@never_cache
@login_required
@posted_from(gettext_lazy("You were signed out. Please press Download my data again."), "credits-statement")
@require_POST
def download_my_data(request: HttpRequest) -> HttpResponseBase:
    """Download all of the user's data as a ZIP."""
    user = cast(User, request.user)
    try:
        check_rate(f"export:{user.pk}", EXPORTS_PER_MINUTE)
    except RateLimited:
        messages.error(request, _("You’ve just downloaded your data. Please try again in a minute."))
        return redirect("credits-statement")
    return export_response(request, user)


def export_response(request: HttpRequest, user: User) -> FileResponse:
    """Stream a user's export from a temporary file."""
    written = read_from_replica(request, lambda: write_export(user))
    return FileResponse(written, content_type="application/zip", headers=file_headers("my-data.zip"))
