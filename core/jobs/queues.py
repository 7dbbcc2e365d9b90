"""Define the queues of background jobs, one per service that jobs wait for, and how many of each run in parallel.

A mail server that doesn't answer blocks only its own queue. The sum limits a worker's connections from the pool.
"""

from __future__ import annotations

from collections.abc import Mapping

MONEY = "money"  # what buyers and services wait for: the sweep, the ends of holds and lots
STRIPE = "stripe"  # requests to Stripe for an event or a member of staff
MAIL = "mail"
UPKEEP = "upkeep"  # counts, finds and tidies up, in the database only

# procrastinate's default, for jobs from before there were queues.
UNNAMED = "default"

PLACES: Mapping[str, int] = {
    MONEY: 3,  # the sweep asks Stripe, and can occupy one of them for long
    STRIPE: 3,  # so can each comparison with Stripe
    MAIL: 2,
    UPKEEP: 2,
    UNNAMED: 1,
}
