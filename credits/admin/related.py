"""Link the ledger's pages to each other, and users and teams to them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import DecimalField, Model
from django.utils.translation import gettext_lazy as _

from accounts.admin import UserAdmin
from accounts.audit.wording import FORMATS
from accounts.teams.admin import TeamAdmin
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


def list_of_account(model: type[Model], label: Any, **query: str) -> Callable[[Account], str]:
    """Return a function that links an account to its rows in a list."""
    return lambda account: link_to_list(model, label, account__id__exact=account.pk, **query)


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
UserAdmin.related_pages.append(
    lambda user: link_to(Account.objects.filter(owner=user).first(), _("Credit account"))
)
TeamAdmin.related_pages.append(
    lambda team: link_to(Account.objects.filter(team=team).first(), _("Credit account"))
)
AccountAdmin.related_pages += [
    list_of_account(Lot, _("Lots")),
    list_of_account(Entry, _("Entries")),
    list_of_account(Hold, _("Holds"), state=ALL),
    list_of_account(Adjustment, _("Adjustments"), state=ALL),
]
LotAdmin.related_pages.append(lambda lot: link_to_list(Entry, _("Entries"), lot=lot.pk))
HoldAdmin.related_pages.append(captures_of_hold)
EntryAdmin.related_pages += [hold_of_entry, adjustment_of_entry, other_account_of_entry, entries_around]
