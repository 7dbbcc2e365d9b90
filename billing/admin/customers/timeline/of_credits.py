"""Tell of gifts, redemption codes and adjustments."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from backoffice.display import admin_page
from billing.admin.customer_links import customer_url
from billing.admin.customers.customer import Customer
from billing.admin.customers.timeline.source import Line, Source
from credits.adjustments.models import Adjustment
from credits.formatting import credits_amount, credits_change
from credits.gifts.models import Gift
from credits.ledger.models import Entry
from credits.redemption.models import Code, Redemption


def gifts_sent(customer: Customer) -> QuerySet[Gift]:
    return customer.rows(Gift, "from_account").select_related("recipient")


def _gift_sent(gift: Gift) -> Line:
    told = {"credits": credits_amount(gift.amount), "name": gift.recipient or _("a former customer")}
    return Line(_("Gift"), _("Sent %(credits)s credits to %(name)s") % told, customer_url(gift.to_account_id))


def gifts_received(customer: Customer) -> QuerySet[Gift]:
    return customer.rows(Gift, "to_account").select_related("sender")


def _gift_received(gift: Gift) -> Line:
    told = {"credits": credits_amount(gift.amount), "name": gift.sender or _("a former customer")}
    return Line(
        _("Gift"), _("Received %(credits)s credits from %(name)s") % told, customer_url(gift.from_account_id)
    )


def _redemptions(customer: Customer) -> QuerySet[Redemption]:
    return customer.rows(Redemption).select_related("code", "entry")


def _redemption(redemption: Redemption) -> Line:
    told = {"credits": credits_amount(redemption.entry.amount), "code": redemption.code}
    return Line(
        _("Redemption code"), _("%(credits)s credits with code %(code)s") % told, admin_page(redemption.code)
    )


def _adjustments(customer: Customer) -> QuerySet[Adjustment]:
    return customer.rows(Adjustment)


def _adjustment(adjustment: Adjustment) -> Line:
    words = (credits_change(adjustment.amount), adjustment.get_status_display(), adjustment.reason)
    return Line(_("Adjustment"), " · ".join(words), admin_page(adjustment), adjustment.asked_by_id)


CREDITS = [
    Source("gift-sent", Gift, "created_at", gifts_sent, _gift_sent, Entry),
    Source("gift-received", Gift, "created_at", gifts_received, _gift_received, Entry),
    Source("redemption", Redemption, "redeemed_at", _redemptions, _redemption, Code),
    Source("adjustment", Adjustment, "asked_at", _adjustments, _adjustment),
]
