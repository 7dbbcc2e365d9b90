"""The ledger: accounts, lots, entries and holds.

An *account* holds one owner's credits. Credits come in as *lots*: what they were for, how many are left, when they
expire, what was paid. Each thing that happens to an account is one *entry*, appended and never changed; it says which
lots it moved and by how much. A *hold* sets credits aside for work in progress and pins the lots that will pay. A
*clawback* claims credits back from their lot, because the money went back. So these numbers must always agree::

    account.balance = sum of its entries = balance_after of its last entry = what its lots have left - what it owes
    account.held    = what its open holds still hold = what its lots have pinned

The kind of an entry is its contra account: the sum of the entries of one kind is that account's balance, negated, so
the books balance without a row that every writer would queue for.

Only `credits.ledger` writes here. Each rule stands a second time in the database, as a constraint or a trigger named
for the rule, so that a script that goes around the ledger is refused. Every row hangs on one account, which is what
lets the tables be split by account one day.
"""

from credits.ledger.models.accounts import Account
from credits.ledger.models.clawbacks import Clawback
from credits.ledger.models.entries import Entry, Movement
from credits.ledger.models.fields import AmountField
from credits.ledger.models.holds import Hold
from credits.ledger.models.lots import Lot

__all__ = ["Account", "AmountField", "Clawback", "Entry", "Hold", "Lot", "Movement"]
