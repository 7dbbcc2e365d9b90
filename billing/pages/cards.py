"""Serve the billing page: the account's saved cards, and the way to Stripe's own page for customers."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from functools import wraps
from typing import cast

import structlog
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.errors import UserErased
from accounts.models import User
from accounts.sign_in.resuming import posted_from
from accounts.teams.models import Team
from accounts.teams.shown_account import ask_again, for_the_shown_account
from accounts.teams.switching import acting_team
from billing.auto_top_up.attempts import terms_of
from billing.auto_top_up.setting import Standing, standing_of
from billing.checkout.terms import PurchaseTerms
from billing.customers.adding import card_page, portal_page
from billing.customers.consents import adding_a_card
from billing.customers.methods import (
    find_method,
    make_default,
    refresh_methods,
    remove_method,
    saved_methods,
    shown_methods,
)
from billing.customers.permissions import manages_billing
from billing.errors import BillingError, UnknownPaymentMethod
from billing.pages.forms import TopUpForm
from billing.pages.shown_plans import billing_plan, confirm_subscribed
from billing.provider import provider
from billing.provider.errors import PortalNotSetUp, StripeBusy, StripeRefused, StripeUnavailable
from billing.referrals.referrers import referral_reward, referral_standing
from billing.referrals.visits import remember_device
from billing.subscriptions.changing import charge_to
from billing.subscriptions.selectors import alive_subscription
from core.uuids import as_uuid
from credits.ledger import operations as ledger
from credits.ledger.holders import account_of
from credits.ledger.models import Account

log = structlog.get_logger(__name__)
SEE_OTHER = 303
Act = Callable[[HttpRequest, Account], HttpResponse]


@never_cache
@login_required
@require_safe
def billing_page(request: HttpRequest) -> HttpResponse:
    """Show the saved cards; after one was added, ask Stripe for it, as its webhook may still be on its way."""
    user, team = cast(User, request.user), acting_team(request)
    account = account_of(user, team).first()
    manages = account is None or manages_billing(user, account)
    if manages and request.GET.get("subscribed"):
        confirm_subscribed(request, account)
        return redirect("credits-billing")
    if account is not None and manages and request.GET.get("added"):
        _refresh(account)
        return redirect("credits-billing")
    context = billing_context(user, team, account, manages=manages)
    response = render(request, "credits/billing.html", context)
    if context.get("invite"):
        remember_device(request, response, user)
    return response


def billing_context(
    user: User,
    team: Team | None,
    account: Account | None,
    *,
    manages: bool = True,
    top_up_form: TopUpForm | None = None,
) -> dict[str, object]:
    """Return what the billing page shows; ``top_up_form`` is one that was sent and refused."""
    if not manages:
        return {"team": team, "manages": False}
    standing = standing_of(account)
    return {
        "team": team,
        "manages": True,
        "cards": shown_methods(account) if account else [],
        "has_customer": account is not None and hasattr(account, "customer"),
        "consent": adding_a_card(),
        "standing": standing,
        "top_up_form": top_up_form or TopUpForm(initial=TopUpForm.values_of(standing)),
        "to_confirm": _terms_to_confirm(standing),
        # A token per display of the page, as in the shop: after a failed confirmation, the next is another purchase.
        "order_token": uuid.uuid4(),
        # A referral is the user's own and never a team's.
        "invite": referral_standing(user) if referral_reward() and team is None else None,
        **billing_plan(account),
    }


def _terms_to_confirm(standing: Standing) -> PurchaseTerms | None:
    """Return what to buy where the bank wants the owner to confirm; None if there is nothing, or it isn't on sale."""
    if standing.row is None or standing.state != "needs_confirmation":
        return None
    try:
        return terms_of(standing.row)
    except BillingError:
        return None


def _refresh(account: Account) -> None:
    try:
        with provider().place(wait_s=0):
            refresh_methods(account)
    except (StripeUnavailable, StripeRefused) as error:
        log.warning("cards_not_refreshed", account=str(account.pk), reason=error.code)


def for_managers(act: Act) -> Callable[[HttpRequest], HttpResponse]:
    """Return the view of a form on the billing page, for the account it was shown for, and who manages its billing."""

    @never_cache
    @login_required
    @posted_from(gettext_lazy("You were signed out. Please try again."), "credits-billing")
    @require_POST
    @for_the_shown_account(ask_again("credits-billing"))
    @wraps(act)
    def view(request: HttpRequest, team: Team | None) -> HttpResponse:
        user = cast(User, request.user)
        account = ledger.open_team_account(team) if team else ledger.open_account(user)
        if not manages_billing(user, account):
            messages.error(request, _("Only the team’s owner and admins can do this."))
            return redirect("credits-billing")
        try:
            return act(request, account)
        except UnknownPaymentMethod:
            messages.info(request, _("This card was removed before."))
        except UserErased as error:
            messages.error(request, error.message)
        except PortalNotSetUp as error:
            log.error("portal_not_set_up", to_do=error.for_staff)  # noqa: TRY400 - no traceback: it says what to do
            messages.error(request, _("The page at Stripe isn’t set up yet. Please contact support."))
            if user.is_staff:
                messages.info(request, _("Staff: run “manage.py set_up_portal”."))
        except BillingError as error:
            log.warning("billing_page_failed", act=act.__name__, code=error.code)
            messages.error(request, _what_failed(error))
        return redirect("credits-billing")

    return cast(Callable[[HttpRequest], HttpResponse], view)


def _what_failed(error: BillingError) -> str:
    if isinstance(error, StripeUnavailable) and not isinstance(error, StripeBusy):
        return _("Stripe didn’t answer, so we don’t know whether this worked. Please look again in a minute.")
    return _("Stripe can’t do this at the moment. Nothing was changed. Please try again.")


@for_managers
def add_card(request: HttpRequest, account: Account) -> HttpResponse:
    """Record the consent, and redirect to Stripe's page for adding a card."""
    return _go_to(card_page(account, cast(User, request.user)))


@for_managers
def remove_card(request: HttpRequest, account: Account) -> HttpResponse:
    """Remove a saved card, at Stripe too."""
    card = find_method(account, _named_card(request))
    remove_method(account, card.pk)
    messages.success(request, _("%(card)s was removed.") % {"card": card.named})
    plan = alive_subscription(account)
    if plan is not None and plan.next_charge_at and not saved_methods(account).exists():
        messages.warning(request, _("Your plan has no card left to charge. Add one before it renews."))
    return redirect("credits-billing")


@for_managers
def make_card_default(request: HttpRequest, account: Account) -> HttpResponse:
    """Make a saved card the default; the account's plan is charged to it as well."""
    card = find_method(account, _named_card(request))
    plan = alive_subscription(account)
    if plan is not None and plan.stripe_subscription_id:
        charge_to(cast(User, request.user), plan, card)
    make_default(account, card.pk)
    messages.success(request, _("%(card)s is your default card now.") % {"card": card.named})
    return redirect("credits-billing")


@for_managers
def portal(request: HttpRequest, account: Account) -> HttpResponse:
    """Redirect to Stripe's own page for the customer."""
    return _go_to(portal_page(account))


def _named_card(request: HttpRequest) -> uuid.UUID:
    card_id = as_uuid(request.POST.get("card", ""))
    if card_id is None:
        raise UnknownPaymentMethod("No saved payment method has this id.")
    return card_id


def _go_to(url: str) -> HttpResponse:
    return HttpResponse(status=SEE_OTHER, headers={"Location": url})
