"""Generate sample buyers, purchases and ledger entries, to see lists, pages and figures at scale; development only.

The ledger's own functions write its entries, and read the time from a clock that is set back (`clock`). `plan` deals
everything to buyers in order of time, `story` lives one buyer's turns, `sales` makes the rows of purchases.
"""
