"""Find the currency that a buyer sees prices in: chosen, of their last purchase, or of their browser's region."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest

from accounts.models import User
from accounts.teams.models import Team
from billing.packages.prices import currencies_to_choose
from billing.pages.locale_currencies import currency_of_languages
from billing.purchases.selectors import purchases_of, recent_purchases

SESSION_KEY = "shop_currency"


def currency_of(request: HttpRequest, team: Team | None) -> tuple[list[str], str]:
    """Return the currencies to choose from, and the buyer's; nothing if packages are sold in one only.

    A choice, ``?currency=eur``, is kept in the session.
    """
    currencies = currencies_to_choose()
    if len(currencies) < 2:
        return [], ""
    asked = request.GET.get("currency", "").lower()
    if asked in currencies:
        request.session[SESSION_KEY] = asked
    chosen = request.session.get(SESSION_KEY)
    if chosen not in currencies:
        last = recent_purchases(purchases_of(cast(User, request.user), team=team), 1)
        chosen = next((purchase.currency for purchase in last), "")
    if chosen not in currencies:
        languages = request.headers.get("Accept-Language", "")
        chosen = currency_of_languages(languages, currencies) or currencies[0]
    return currencies, chosen
