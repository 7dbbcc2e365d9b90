"""The queues of background jobs, one for each neighbour that jobs wait for, and how many of each run at once.

A mail server or a Stripe that doesn't answer so holds up its own queue and no other. The sum is how many connections of
the pool a worker takes at most.
"""

from __future__ import annotations

from collections.abc import Mapping

MONEY = "money"  # what buyers and services rely on by the minute: the sweep, the ends of holds and lots
STRIPE = "stripe"  # what an event or a member of staff asks of Stripe
MAIL = "mail"
UPKEEP = "upkeep"  # counts, finds and tidies up, in the database alone

# Of jobs that came before there were queues, as procrastinate calls it.
UNNAMED = "default"

PLACES: Mapping[str, int] = {
    MONEY: 3,  # the sweep asks Stripe, and can take one of them for long
    STRIPE: 3,  # so can each comparison with Stripe
    MAIL: 2,
    UPKEEP: 2,
    UNNAMED: 1,
}
