"""Show the entries of accounts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.decorators import display

from accounts.downloads import DownloadableList
from backoffice.display import chip, link_to
from backoffice.long_lists import LongListAdmin
from backoffice.period_filter import PeriodFilter
from backoffice.tables import plain_table
from core.uuids import as_uuid
from credits.admin.columns import LedgerColumns, amount_column, column, lot_left, once_per_row
from credits.formatting import credits_change
from credits.ledger.entries_csv import entries_csv
from credits.ledger.models import Entry, Hold, Lot
from credits.statement.traces import (
    accounts_named,
    as_id,
    captures_of,
    entries_of_lot,
    entries_with_key,
    newest_of,
)

# One account's entries are sorted by version and those of all by id, which are indexed. A period's are found by time;
# by another order PostgreSQL would read all newer ones first.
NEWEST_OF_ACCOUNT = ["-version"]
NEWEST_OF_PERIOD = ["-created_at", "-id"]
NEWEST = ["-id"]
ACCOUNT = "account__id__exact"


class LotFilter(admin.SimpleListFilter):
    """Filters by one lot; shown only when a link asked for it."""

    title = pgettext_lazy("credits that came in together", "lot")
    parameter_name = "lot"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked = request.GET.get(self.parameter_name, "")
        return [(asked, f"#{asked}")] if as_id(asked) else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        asked = as_id(self.value() or "")
        lot = Lot.objects.select_related("account").filter(pk=asked).first() if asked else None
        return entries_of_lot(queryset, lot) if lot else queryset


@admin.register(Entry)
class EntryAdmin(DownloadableList, LedgerColumns, LongListAdmin):
    asked_for = ("account",)
    list_display = [
        "id",
        "created_at",
        "account_link",
        "kind_chip",
        "amount_shown",
        "balance_after_shown",
        "reference_shown",
    ]
    list_filter = ["kind", LotFilter, ("created_at", PeriodFilter)]
    list_filter_submit = True
    download_permission, download_name = "credits.download_ledger", "ledger"
    search_fields = ["id"]  # see get_search_results
    search_help_text = _(
        "Exact entry, account or hold ID, owner’s email, team or key; a reference finds one account’s "
        "entries or the newest 100,000."
    )
    list_select_related = ["account__owner", "account__team"]
    fieldsets = [
        (
            None,
            {"fields": ["account_link", "kind_chip", "amount_shown", "balance_after_shown", "owed_shown"]},
        ),
        (_("Details"), {"fields": ["created_at", "key", "reference", "metadata_shown", "see_also"]}),
        (_("Lots"), {"fields": ["movements_shown"]}),
        (_("Seal"), {"fields": ["version", "hash_shown"]}),
    ]
    readonly_fields = [name for _title, options in fieldsets for name in options["fields"]]

    kind_chip = column(_("kind"), lambda entry: chip(entry.get_kind_display()))
    amount_shown = amount_column(_("amount"), "amount", credits_change)
    balance_after_shown = amount_column(_("balance after"), "balance_after")
    owed_shown = amount_column(_("debt change"), "owed", credits_change, dash_for_zero=True)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Entry]:
        entries: QuerySet[Entry] = super().get_queryset(request)
        return entries.defer("hash", "metadata")

    def get_ordering(self, request: HttpRequest) -> list[str]:
        if ACCOUNT in request.GET or "lot" in request.GET:
            return NEWEST_OF_ACCOUNT
        has_period = request.GET.get("created_at_from") or request.GET.get("created_at_to")
        return NEWEST_OF_PERIOD if has_period else NEWEST

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Entry], search_term: str
    ) -> tuple[QuerySet[Entry], bool]:
        """Match a whole word, by the first kind of match that finds something. References aren't indexed: search them
        in one account, else among the ledger's newest entries.
        """
        word = search_term.strip()
        if not word:
            return queryset, False
        accounts = accounts_named(word)
        if accounts:
            of_them = queryset.filter(account__in=accounts)
            return (of_them.order_by(*NEWEST_OF_ACCOUNT) if len(accounts) == 1 else of_them), False
        found = queryset.filter(pk__in=[*entries_with_key(word), *_captures(word), as_id(word) or 0])
        if found.exists():
            return found, False
        looked_through = queryset if ACCOUNT in request.GET else newest_of(queryset)
        return looked_through.filter(reference=word), False

    def lines_of(self, rows: QuerySet[Entry]) -> Iterator[str]:
        """Yield the rows in the list's order: one account's by version, which is indexed."""
        return entries_csv(rows, [str(column) for column in rows.query.order_by])

    @display(description=_("lots"))
    @once_per_row
    def movements_shown(self, entry: Entry) -> str:
        lots = Lot.objects.in_bulk(entry.lots)
        rows = [
            (
                link_to(lots[move.lot_id], f"#{move.lot_id}"),
                credits_change(move.amount),
                lot_left(lots[move.lot_id]),
            )
            for move in entry.movements
        ]
        return plain_table([_("Lot"), _("Change"), _("Remaining")], rows)

    @display(description=_("hash"))
    def hash_shown(self, entry: Entry) -> str:
        return bytes(entry.hash).hex()


def _captures(word: str) -> list[int]:
    identifier = as_uuid(word)
    hold = Hold.objects.select_related("account").filter(Q(pk=identifier)).first() if identifier else None
    return [entry.pk for entry in captures_of(hold).entries] if hold else []
