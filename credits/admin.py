"""The ledger, for staff to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.decorators import display

from accounts.admin import UserAdmin
from accounts.models import User
from accounts.teams.admin import TeamAdmin
from accounts.teams.models import Team
from config.admin_display import EMPTY, chip, link_to, link_to_list
from config.read_only_admin import ReadOnlyAdmin
from credits.formatting import credits_amount, credits_change
from credits.models import Account, Entry, Lot


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ["holder", "balance_shown", "held_shown", "version", "created_at"]
    search_fields = ["id__exact", "owner__username", "owner__email"]
    search_help_text = _("Account id, or the owner's name or e-mail.")
    list_select_related = ["owner"]
    ordering = ["-created_at"]
    fields = ["owner_link", "balance_shown", "held_shown", "version", "created_at", "id", "see_also"]
    readonly_fields = fields

    @display(description=_("account"), ordering="owner__username")
    def holder(self, account: Account) -> str:
        return str(account)

    @display(description=_("owner"))
    def owner_link(self, account: Account) -> str:
        return link_to(account.owner)

    @display(description=_("balance"), ordering="balance")
    def balance_shown(self, account: Account) -> str:
        return credits_amount(account.balance)

    @display(description=_("held"), ordering="held")
    def held_shown(self, account: Account) -> str:
        return credits_amount(account.held)


@admin.register(Lot)
class LotAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "created_at",
        "account_link",
        "amount_shown",
        "remaining_shown",
        "promotional",
        "expires_at",
    ]
    list_filter = ["promotional", "created_at"]
    search_fields = ["=id", "account__id__exact", "^account__owner__email", "=reference"]
    search_help_text = _("Lot id, account id, the owner's e-mail, or the reference.")
    list_select_related = ["account__owner"]
    ordering = ["-id"]
    fields = [
        "account_link",
        "amount_shown",
        "remaining_shown",
        "promotional",
        "expires",
        "reference",
        "created_at",
        "see_also",
    ]
    readonly_fields = fields

    @display(description=_("account"), ordering="account__owner__username")
    def account_link(self, lot: Lot) -> str:
        return link_to(lot.account)

    @display(description=_("amount"), ordering="amount")
    def amount_shown(self, lot: Lot) -> str:
        return credits_amount(lot.amount)

    @display(description=_("remaining"), ordering="remaining")
    def remaining_shown(self, lot: Lot) -> str:
        return credits_amount(lot.remaining)

    @display(description=_("expires"))
    def expires(self, lot: Lot) -> Any:
        return lot.expires_at or _("never")


class LotFilter(admin.SimpleListFilter):
    """The entries that touched one lot: only shown where a link asked for it."""

    title = pgettext_lazy("credits that came in together", "lot")
    parameter_name = "lot"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        asked = request.GET.get(self.parameter_name, "")
        return [(asked, f"#{asked}")] if asked.isdecimal() else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Entry]) -> QuerySet[Entry]:
        asked = self.value()
        lot = Lot.objects.filter(pk=asked).first() if asked else None
        # By its account first: there is an index for that and none for the lots of an entry.
        return queryset.filter(account_id=lot.account_id, lots__contains=[lot.pk]) if lot else queryset


@admin.register(Entry)
class EntryAdmin(ReadOnlyAdmin):
    list_display = [
        "id",
        "created_at",
        "account_link",
        "kind_chip",
        "amount_shown",
        "balance_after_shown",
        "see_also",
    ]
    list_filter = ["kind", "created_at", LotFilter]
    # Whole words only: a short id would be found inside other entries' keys.
    search_fields = ["=id", "=key", "=reference", "account__id__exact", "^account__owner__email"]
    search_help_text = _("Entry id, business key, reference, account id, or the owner's e-mail.")
    list_select_related = ["account__owner"]
    ordering = ["-id"]
    fields = [
        "account_link",
        "kind_chip",
        "amount_shown",
        "balance_after_shown",
        "movements_shown",
        "version",
        "created_at",
        "key",
        "reference",
        "metadata",
        "hash_shown",
        "see_also",
    ]
    readonly_fields = fields

    @display(description=_("account"), ordering="account__owner__username")
    def account_link(self, entry: Entry) -> str:
        return link_to(entry.account)

    @display(description=_("kind"), ordering="kind")
    def kind_chip(self, entry: Entry) -> str:
        return chip(entry.get_kind_display())

    @display(description=_("amount"), ordering="amount")
    def amount_shown(self, entry: Entry) -> str:
        return credits_change(entry.amount)

    @display(description=_("balance after"), ordering="balance_after")
    def balance_after_shown(self, entry: Entry) -> str:
        return credits_amount(entry.balance_after)

    @display(description=_("which lots it touched"))
    def movements_shown(self, entry: Entry) -> str:
        lots = Lot.objects.in_bulk(entry.lots)
        lines = [(_movement(lots[move.lot_id]), credits_change(move.amount)) for move in entry.movements]
        return format_html_join("", "{}: {}<br>", lines) or EMPTY

    @display(description=_("hash"))
    def hash_shown(self, entry: Entry) -> str:
        return bytes(entry.hash).hex()


def _movement(lot: Lot) -> str:
    numbers = {"id": lot.pk, "left": credits_amount(lot.remaining), "all": credits_amount(lot.amount)}
    return link_to(lot, _("Lot %(id)s: %(left)s of %(all)s left") % numbers)


def account_of_user(user: User) -> str:
    account = Account.objects.filter(owner=user).first()
    return EMPTY if account is None else link_to(account, _("Credit account"))


def account_of_team(team: Team) -> str:
    account = Account.objects.filter(team=team).first()
    return EMPTY if account is None else link_to(account, _("Credit account"))


def lots_of_account(account: Account) -> str:
    return link_to_list(Lot, _("Lots"), account__id__exact=account.pk)


def entries_of_account(account: Account) -> str:
    return link_to_list(Entry, _("Entries"), account__id__exact=account.pk)


def entries_of_lot(lot: Lot) -> str:
    return link_to_list(Entry, _("Entries that touched it"), lot=lot.pk)


UserAdmin.related_pages.append(account_of_user)
TeamAdmin.related_pages.append(account_of_team)
AccountAdmin.related_pages += [lots_of_account, entries_of_account]
LotAdmin.related_pages.append(entries_of_lot)
