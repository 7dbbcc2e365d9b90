"""The back office of the ledger: to read, but for the button that releases a hold."""

from credits.admin import related
from credits.admin.accounts import AccountAdmin
from credits.admin.entries import EntryAdmin
from credits.admin.holds import HoldAdmin
from credits.admin.lots import LotAdmin

__all__ = ["AccountAdmin", "EntryAdmin", "HoldAdmin", "LotAdmin", "related"]
