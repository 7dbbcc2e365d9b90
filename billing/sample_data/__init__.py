"""Generate sample buyers, purchases and ledger entries, to see lists, pages and figures at scale; development only.

The services would take a day for ten million entries, so rows are written past the triggers as the services would
have left them, seals included; `check_ledger` proves that they are right. `plan` distributes everything over buyers
and time, `story` simulates one buyer, `books` keeps the buyer's ledger, `rows` writes to the database.
"""
