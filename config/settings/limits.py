"""How much one may ask for: requests, purchases, passwords, Stripe's time, and the length of a request's body."""

from __future__ import annotations

from config.environment import Environment

env = Environment()

# Requests per minute to the credits API: of a client that has no limit of its own, and of a user.
CREDITS_API_RATE = env.int("CREDITS_API_RATE", default=60_000)
CREDITS_USER_RATE = env.int("CREDITS_USER_RATE", default=6_000)
# Requests per minute of a person, on pages and over the API for people. A page that waits for a payment makes 30.
PERSON_RATE = env.int("PERSON_RATE", default=600)
# Deliveries per minute of an address. Stripe has a dozen: nobody is to wait for credits for this.
WEBHOOK_RATE = env.int("WEBHOOK_RATE", default=6_000)
# Purchases that a person may start: so many, in so many seconds.
PURCHASE_RATE = env.rate("PURCHASE_RATE", default="60/min")

# Wrong passwords in five minutes: for one name from one address, from one address, and for one name. Beyond the last,
# each address has fewer tries at that name, and never none.
SIGN_IN_FAILURES = env.int("SIGN_IN_FAILURES", default=10)
SIGN_IN_ADDRESS_FAILURES = env.int("SIGN_IN_ADDRESS_FAILURES", default=100)
SIGN_IN_NAME_FAILURES = env.int("SIGN_IN_NAME_FAILURES", default=50)
# How many passwords a web process checks at once: each takes a processor for a third of a second or more.
SIGN_IN_CHECKS = max(1, env.int("SIGN_IN_CHECKS", default=1))

# How many threads of a web process may wait for Stripe at once: by default a quarter of them, and one at least.
STRIPE_WEB_CALLS = max(
    1, env.int("STRIPE_WEB_CALLS", default=env.int("GRANIAN_BLOCKING_THREADS", default=8) // 4)
)

# The webhook refuses larger bodies before it reads them; Stripe's events are a few kilobytes.
WEBHOOK_MAX_BYTES = 1024 * 1024
# By address, without its trailing slash; everywhere else DATA_UPLOAD_MAX_MEMORY_SIZE, Django's 2.5 MB.
BODY_LIMITS = dict.fromkeys(["/api/v1/billing/credits/webhook", "/api/credits/webhook"], WEBHOOK_MAX_BYTES)
