"""Made-up buyers, purchases and ledger entries, to look at lists, pages and figures at size. For development only.

A database of that size can't be filled through the services: a purchase takes milliseconds and ten million entries a
day. So this writes rows as they would have come out, seals included, past the triggers; `check_ledger` is the proof
that they did. `plan` says who has how much of what and when, `story` tells one buyer's two years, `books` keeps the
account's ledger meanwhile, `rows` brings it into the database.
"""
