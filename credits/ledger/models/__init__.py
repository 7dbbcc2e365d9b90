"""Define the ledger's models: accounts, lots, entries, holds and clawbacks.

An *account* holds one owner's credits. Credits come in as *lots*: with a source, what remains, an expiry and a cost.
Each event of an account is one *entry*, appended and never changed; it says which lots it moved and by how much. A
*hold* reserves credits for work in progress and pins the lots that will pay. A *clawback* removes credits from their
lot, because of a refund or dispute. So these numbers always agree::

    account.balance = sum of its entries = balance_after of its last entry = what its lots have left - its debt
    account.held    = what its open holds still hold = what its lots have pinned

The kind of an entry is its contra account: the sum of the entries of one kind is that account's balance, negated, so
the books balance without a row that every writer would queue for.

Only `credits.ledger` writes here. The database enforces each rule a second time, by a constraint or trigger named for
it. Every row belongs to one account, so that the tables can be split by account one day.
"""

from credits.ledger.models.accounts import Account
from credits.ledger.models.clawbacks import Clawback
from credits.ledger.models.entries import Entry, Movement
from credits.ledger.models.fields import AmountField
from credits.ledger.models.holds import Hold
from credits.ledger.models.lots import Lot

__all__ = ["Account", "AmountField", "Clawback", "Entry", "Hold", "Lot", "Movement"]
