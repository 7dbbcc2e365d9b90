"""`make bench`: the ledger beside other ledgers and what PostgreSQL itself can do, and the site's answers."""
