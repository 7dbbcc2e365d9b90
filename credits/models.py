"""Collect every model of the app `credits` for Django. Other code imports them from their packages."""

from credits.adjustments.models import Adjustment
from credits.gifts.models import Gift
from credits.ledger.models import Account, Clawback, Entry, Hold, Lot
from credits.notices.models import BalanceAlert, ExpiryWarning
from credits.reporting.models import AccountCount, FirstSpend, LedgerCount, LedgerDay, RunningDry, SpendingDay

__all__ = [
    "Account",
    "AccountCount",
    "Adjustment",
    "BalanceAlert",
    "Clawback",
    "Entry",
    "ExpiryWarning",
    "FirstSpend",
    "Gift",
    "Hold",
    "LedgerCount",
    "LedgerDay",
    "Lot",
    "RunningDry",
    "SpendingDay",
]
