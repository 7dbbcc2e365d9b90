"""Link the ledger's pages to each other, and users and teams to them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import DecimalField
from django.utils.translation import gettext_lazy as _

from accounts.admin import UserAdmin
from accounts.audit.wording import FORMATS
from accounts.models import User
from accounts.teams.admin import TeamAdmin
from accounts.teams.models import Team
from backoffice.display import EMPTY, link_to, link_to_list
from backoffice.long_lists import BEYOND, write_place
from core.uuids import as_uuid
from credits.adjustments.models import Adjustment
from credits.admin.accounts import AccountAdmin
from credits.admin.entries import EntryAdmin
from credits.admin.holds import HoldAdmin
from credits.admin.lots import LotAdmin
from credits.admin.state_filter import ALL
from credits.formatting import credits_amount
from credits.ledger.models import Account, Entry, Hold, Lot


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


def holds_of_account(account: Account) -> str:
    return link_to_list(Hold, _("Holds"), account__id__exact=account.pk, state=ALL)


def adjustments_of_account(account: Account) -> str:
    return link_to_list(Adjustment, _("Adjustments"), account__id__exact=account.pk, state=ALL)


def entries_of_lot(lot: Lot) -> str:
    return link_to_list(Entry, _("Entries"), lot=lot.pk)


def captures_of_hold(hold: Hold) -> str:
    return link_to_list(Entry, _("Captures"), q=hold.pk) if hold.captured else EMPTY


def hold_of_entry(entry: Entry) -> str:
    """Link to the hold that the entry captured; without a query."""
    hold = _named(entry, "hold")
    return EMPTY if hold is None else link_to(Hold(pk=hold), _("Hold"))


def adjustment_of_entry(entry: Entry) -> str:
    """Link to the adjustment that the entry books; without a query."""
    adjustment = _named(entry, "adjustment")
    is_adjustment = entry.kind == Entry.Kind.ADJUSTMENT
    return link_to(Adjustment(pk=adjustment), _("Adjustment")) if is_adjustment and adjustment else EMPTY


def other_account_of_entry(entry: Entry) -> str:
    """Link to the other account of a gift; without a query."""
    other = _named(entry, "to") or _named(entry, "from")
    is_gift = entry.kind in (Entry.Kind.GIFT_SENT, Entry.Kind.GIFT_RECEIVED)
    return link_to(Account(pk=other), _("Other account")) if is_gift and other else EMPTY


def entries_around(entry: Entry) -> str:
    """Link to the account's entries, this one at the top."""
    place = write_place(BEYOND, entry.version + 1)
    return link_to_list(Entry, _("Earlier entries"), account__id__exact=entry.account_id, p=place)


def _named(entry: Entry, name: str) -> UUID | None:
    return as_uuid(str(entry.metadata.get(name, "")))


def in_credits(field: Any, column: str, value: Any, beside: dict[str, Any]) -> str | None:
    """Format credits, and other numbers that aren't money, for the audit."""
    if not isinstance(field, DecimalField):
        return None
    return credits_amount(Decimal(str(value)))


FORMATS.append(in_credits)
UserAdmin.related_pages.append(account_of_user)
TeamAdmin.related_pages.append(account_of_team)
AccountAdmin.related_pages += [
    lots_of_account,
    entries_of_account,
    holds_of_account,
    adjustments_of_account,
]
LotAdmin.related_pages.append(entries_of_lot)
HoldAdmin.related_pages.append(captures_of_hold)
EntryAdmin.related_pages += [hold_of_entry, adjustment_of_entry, other_account_of_entry, entries_around]
