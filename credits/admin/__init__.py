"""The ledger's admin: read-only, except for releasing holds and adjusting credits."""

from credits.admin import related
from credits.admin.accounts import AccountAdmin
from credits.admin.adjustments import AdjustmentAdmin
from credits.admin.entries import EntryAdmin
from credits.admin.holds import HoldAdmin
from credits.admin.lots import LotAdmin
from credits.admin.redemption import CodeAdmin, CodeBatchAdmin

__all__ = [
    "AccountAdmin",
    "AdjustmentAdmin",
    "CodeAdmin",
    "CodeBatchAdmin",
    "EntryAdmin",
    "HoldAdmin",
    "LotAdmin",
    "related",
]
