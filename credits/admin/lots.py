"""Show lots and where their credits went."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from backoffice.display import EMPTY, chip, link_to, shortened
from backoffice.long_lists import LongListAdmin
from backoffice.tables import plain_table
from credits.admin.columns import LedgerColumns, amount_column, column, hold_ends, lot_expires, once_per_row
from credits.formatting import credits_amount, credits_change
from credits.ledger.models import Clawback, Lot
from credits.statement.outflows import moved_by_kind
from credits.statement.traces import accounts_named, as_id, holds_on

MOST_HOLDS = 20


def what_came_of(claim: Clawback) -> tuple[Decimal, ...]:
    return claim.amount, claim.taken, claim.pending, claim.owed, claim.waived


@admin.register(Lot)
class LotAdmin(LedgerColumns, LongListAdmin):
    asked_for = ("account",)
    list_display = [
        "id",
        "created_at",
        "account_link",
        "amount_shown",
        "remaining_shown",
        "held_shown",
        "promotional",
        "expires_at",
    ]
    list_filter = ["exhausted", "promotional"]
    search_fields = ["id"]  # see get_search_results
    search_help_text = _("Exact lot or account ID, owner’s email, team, or reference.")
    list_select_related = ["account__owner", "account__team"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "account_link",
                    "amount_shown",
                    "remaining_shown",
                    "held_shown",
                    "expires",
                    "came_as",
                    "origin_shown",
                    "reference",
                    "created_at",
                    "see_also",
                ]
            },
        ),
        (_("Usage"), {"fields": ["moved_shown", "holds_shown", "clawbacks_shown"]}),
    ]
    readonly_fields = [name for _title, options in fieldsets for name in options["fields"]]
    expires = column(_("expires"), lot_expires)
    amount_shown = amount_column(_("amount"), "amount")
    remaining_shown = amount_column(_("remaining"), "remaining")
    held_shown = amount_column(_("held"), "held", dash_for_zero=True)

    # Set by billing, which formats money: minor units and the currency.
    in_money: Callable[[int, str], str] | None = None

    def get_ordering(self, request: HttpRequest) -> list[str]:
        return ["-id"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Lot], search_term: str
    ) -> tuple[QuerySet[Lot], bool]:
        """Match a whole word: an account's, else the lot's own."""
        word = search_term.strip()
        if not word:
            return queryset, False
        accounts = accounts_named(word)
        if accounts:
            return queryset.filter(account__in=accounts), False
        own = Q(reference=word)
        if identifier := as_id(word):
            own |= Q(pk=identifier)
        return queryset.filter(own), False

    @display(description=_("cost"))
    def came_as(self, lot: Lot) -> Any:
        if lot.promotional:
            return chip(_("Promotional"), "success")
        if lot.cost_minor is None or self.in_money is None:
            return EMPTY
        paid = self.in_money(lot.cost_minor, lot.currency)
        if lot.cost_credits is None:
            return paid
        told = {"paid": paid, "credits": credits_amount(lot.cost_credits)}
        return _("%(paid)s for %(credits)s credits") % told

    @display(description=_("original lot"))
    def origin_shown(self, lot: Lot) -> str:
        """Return, for gifted credits, the lot in which they first came in."""
        return link_to(Lot(pk=lot.origin_lot), f"#{lot.origin_lot}") if lot.origin_lot else EMPTY

    @display(description=_("by entry kind"))
    @once_per_row
    def moved_shown(self, lot: Lot) -> str:
        rows = [(kind.label, credits_change(amount)) for kind, amount in moved_by_kind(lot).items()]
        return plain_table([_("Kind"), _("Change")], rows)

    @display(description=_("clawbacks"))
    @once_per_row
    def clawbacks_shown(self, lot: Lot) -> str:
        rows = [
            (claim.get_kind_display(), *(credits_amount(number) for number in what_came_of(claim)))
            for claim in lot.clawbacks.filter(amount__gt=0).order_by("position", "pk")
        ]
        return plain_table(
            [_("Kind"), _("Claimed"), _("Removed"), _("Pending"), _("Billed"), _("Written off")], rows
        )

    @display(description=_("holds"))
    @once_per_row
    def holds_shown(self, lot: Lot) -> str:
        rows = [
            (
                link_to(hold, shortened(hold.key)),
                credits_amount(hold.pinned[hold.lots.index(lot.pk)]),
                hold_ends(hold),
            )
            for hold in holds_on(lot)[:MOST_HOLDS]
        ]
        return plain_table([_("Hold"), _("Held"), _("Time left")], rows)
