"""The ledger, for staff to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from config.read_only_admin import ReadOnlyAdmin, ReadOnlyInline, link_to, link_to_list
from credits.models import Account, Entry, Lot, LotMovement


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ["id", "owner", "balance", "held", "version", "created_at"]
    search_fields = ["id__exact", "owner__username", "owner__email"]
    search_help_text = _("Account id, or the owner's name or e-mail.")
    list_select_related = ["owner"]
    ordering = ["-created_at"]
    fields = ["id", "owner_link", "balance", "held", "version", "created_at", "books"]
    readonly_fields = fields

    @display(description=_("owner"))
    def owner_link(self, account: Account) -> str:
        return link_to(account.owner)

    @display(description=_("books"))
    def books(self, account: Account) -> Any:
        lots = link_to_list(Lot, _("Lots"), account__id__exact=account.pk)
        entries = link_to_list(Entry, _("Entries"), account__id__exact=account.pk)
        return lots + " · " + entries


@admin.register(Lot)
class LotAdmin(ReadOnlyAdmin):
    list_display = ["id", "account", "amount", "remaining", "promotional", "expires_at", "created_at"]
    list_filter = ["promotional", "created_at"]
    search_fields = ["=id", "account__id__exact", "account__owner__email", "reference"]
    search_help_text = _("Lot id, account id, the owner's e-mail, or the reference.")
    list_select_related = ["account__owner"]
    ordering = ["-id"]
    fields = [
        "account_link",
        "amount",
        "remaining",
        "promotional",
        "cost_minor",
        "currency",
        "expires_at",
        "reference",
        "created_at",
        "entries",
    ]
    readonly_fields = fields

    @display(description=_("account"))
    def account_link(self, lot: Lot) -> str:
        return link_to(lot.account)

    @display(description=_("what happened to it"))
    def entries(self, lot: Lot) -> str:
        return link_to_list(Entry, _("Entries that touched it"), movements__lot__id__exact=lot.pk)


class LotMovementInline(ReadOnlyInline):
    model = LotMovement
    fields = ["lot_link", "amount"]
    readonly_fields = fields
    verbose_name_plural = _("which lots it touched")

    @display(description=_("lot"))
    def lot_link(self, movement: LotMovement) -> str:
        return link_to(movement.lot)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LotMovement]:
        movements: QuerySet[LotMovement] = super().get_queryset(request)
        return movements.select_related("lot")


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = ["id", "created_at", "account", "kind", "amount", "balance_after", "version", "key"]
    list_filter = ["kind", "created_at"]
    search_fields = ["=id", "key", "reference", "account__id__exact", "account__owner__email"]
    search_help_text = _("Entry id, business key, reference, account id, or the owner's e-mail.")
    list_select_related = ["account__owner"]
    ordering = ["-id"]
    inlines = [LotMovementInline]
    fields = [
        "account_link",
        "version",
        "kind",
        "amount",
        "balance_after",
        "key",
        "reference",
        "metadata",
        "created_at",
    ]
    readonly_fields = fields

    @display(description=_("account"))
    def account_link(self, entry: Entry) -> str:
        return link_to(entry.account)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # The link from a lot to its entries.
        return lookup == "movements__lot__id__exact" or bool(super().lookup_allowed(lookup, value, request))
