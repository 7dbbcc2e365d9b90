"""Compare the ledger with other ledgers and with plain PostgreSQL, and time the site's answers (`make bench`)."""
