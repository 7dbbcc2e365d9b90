"""Say what an order would cost now, and whether its buyer could place it."""

from __future__ import annotations

from accounts.models import User
from accounts.teams.membership import find_own
from billing.checkout.free_packages import require_not_taken
from billing.checkout.orders import PurchaseOrder
from billing.checkout.terms import PurchaseTerms
from billing.discounts.codes import require_use_left
from credits.ledger.holders import account_of


def quote_order(user: User, order: PurchaseOrder) -> PurchaseTerms:
    """Return what a purchase would copy, without beginning it.

    Raises:
        UnknownPackage, CustomAmountsNotSold, AmountRefused, AlreadyTaken, OfferChanged, UnknownTeam, CodeRefused: as
            `billing.checkout.starting.start_purchase`.
    """
    terms = order.terms()
    order.seen.require_unchanged(terms)
    team = find_own(order.team_id, user).team if order.team_id else None
    require_not_taken(user, team, terms.package)
    if terms.discount_code is not None:
        require_use_left(terms.discount_code, user, account_of(user, team).first())
    return terms
