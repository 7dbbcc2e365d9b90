"""Let a buyer put several packages together, and show what they cost."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.teams.models import Team
from accounts.teams.switching import acting_team
from billing.checkout.bundles import OrderItem
from billing.checkout.orders import PurchaseOrder
from billing.checkout.quoting import quote_order
from billing.checkout.return_urls import local_path
from billing.checkout.terms import HIGHEST_QUANTITY, PurchaseTerms
from billing.customers.methods import card_for_purchases
from billing.discounts.codes import codes_are_accepted
from billing.discounts.models import LONGEST_CODE
from billing.discounts.multi_buys import multi_buys_now
from billing.errors import BillingError
from billing.packages.prices import sold_in
from billing.packages.selectors import offers_on_sale, packages_on_sale
from billing.pages.currencies import currency_of
from billing.pages.offers import ShownOffer, shown_offers
from billing.pages.tax_words import tax_words
from billing.tax import taxes_sales


@dataclass(frozen=True)
class Choice:
    """A package to choose, and how many of it were chosen, as typed."""

    shown: ShownOffer
    count: str


@never_cache
@login_required
@require_safe
def several_page(request: HttpRequest) -> HttpResponse:
    """Show the packages to choose from, and the total of those chosen; htmx takes the total out of it."""
    return several(request, request.GET)


def several(request: HttpRequest, asked: QueryDict, status: int = 200) -> HttpResponse:
    user, team = cast(User, request.user), acting_team(request)
    currencies, currency = currency_of(request, team)
    currency = currency or next((each.currency for each in packages_on_sale() if each.price_minor), "")
    for_sale = {package.pk for package in sold_in(packages_on_sale(), currency) if package.price_minor}
    window = [offer for offer in offers_on_sale(currency) if offer.package.pk in for_sale]
    counts, code = _counts(asked, [offer.package.code for offer in window]), asked.get("code", "").strip()
    items, wrong = _items(counts)
    terms, refused = (None, wrong) if wrong or not items else _quoted(user, items, currency, code, team)
    context = {
        "team": team,
        "choices": [
            Choice(shown, counts[shown.offer.package.code])
            for shown in shown_offers(window, user, team, "")[0]
        ],
        "currencies": currencies,
        "currency": currency,
        "multi_buys": multi_buys_now(),
        "code": code[:LONGEST_CODE],
        "takes_codes": bool(code) or codes_are_accepted(),
        "terms": terms,
        "refused": refused,
        "items": " ".join(f"{item.package_code}:{item.quantity}" for item in items),
        "highest": HIGHEST_QUANTITY,
        "card": None if taxes_sales() else card_for_purchases(user, team),
        "tax_words": tax_words([currency]),
        "back": local_path(asked.get("next", "")),
        "order_token": uuid.uuid4(),
    }
    return render(request, "credits/several.html", context, status=status)


def read_items(text: str) -> tuple[OrderItem, ...]:
    """Read the items that the page sends with Buy, such as “starter:2 pro:1”.

    Raises:
        BadRequest: they are something else.
    """
    found = []
    for part in text.split():
        code, _colon, count = part.rpartition(":")
        number = _number(count)
        if not code or not number:
            raise BadRequest("The packages are no list of codes and counts.")
        found.append(OrderItem(code[:50], number))
    return tuple(found)


def _counts(asked: QueryDict, codes: list[str]) -> Mapping[str, str]:
    """Return how many of each are asked for, as typed in the form or as listed by Buy."""
    listed = {item.package_code: str(item.quantity) for item in read_items(asked.get("items", ""))}
    return {code: listed.get(code, asked.get(f"count-{code}", "").strip()[:10]) for code in codes}


def _items(counts: Mapping[str, str]) -> tuple[list[OrderItem], str]:
    """Return what was chosen, and why not all of it can be read."""
    chosen = {code: _number(count) for code, count in counts.items() if count}
    if None in chosen.values():
        return [], _("Enter whole numbers up to %s.") % HIGHEST_QUANTITY
    return [OrderItem(code, number) for code, number in chosen.items() if number], ""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and int(text) <= HIGHEST_QUANTITY else None


def _quoted(
    user: User, items: list[OrderItem], currency: str, code: str, team: Team | None
) -> tuple[PurchaseTerms | None, str]:
    """Return the terms, or why the order can't be placed; with a code that can't be used, the terms without it."""
    team_id = team.pk if team else None
    order = PurchaseOrder(items=tuple(items), currency=currency, team_id=team_id, discount_code=code)
    try:
        return quote_order(user, order), ""
    except BillingError as error:
        if not code:
            return None, error.message
        terms, _refused = _quoted(user, items, currency, "", team)
        return terms, error.message
