"""Limit requests, purchases, passwords, waiting for Stripe, and the length of request bodies."""

from __future__ import annotations

from config.environment import Environment

env = Environment()

# Redis, if there is one: then it counts requests for the limits, and PostgreSQL doesn't. Without it nothing is cached,
# which is right for any number of processes. In memory only where there is just one (docs/decisions/rate-limits.md).
CACHES, COUNT_STORE = env.shared_cache("CACHE_URL")
SINGLE_PROCESS = env.bool("SINGLE_PROCESS", default=False)

# Requests per minute to the credits API: of a client without its own limit, and of a user.
CREDITS_API_RATE = env.int("CREDITS_API_RATE", default=60_000)
CREDITS_USER_RATE = env.int("CREDITS_USER_RATE", default=6_000)
# Requests per minute of a user, on pages and over the users' API. A page that waits for a payment makes 30.
PERSON_RATE = env.int("PERSON_RATE", default=600)
# Deliveries per minute of an address. Stripe has a dozen; this must never delay credits.
WEBHOOK_RATE = env.int("WEBHOOK_RATE", default=6_000)
# What happens to deliveries from addresses that Stripe doesn't list: nothing, a log line, or a refusal. The list is the
# operator's file, or the site's own if that is empty; beyond so many days it counts as stale.
STRIPE_WEBHOOK_ADDRESSES = env("STRIPE_WEBHOOK_ADDRESSES", default="off")
STRIPE_WEBHOOK_ADDRESS_FILE = env("STRIPE_WEBHOOK_ADDRESS_FILE", default="")
STRIPE_WEBHOOK_ADDRESS_DAYS = env.int("STRIPE_WEBHOOK_ADDRESS_DAYS", default=90)
# Purchases that a user may start per period.
PURCHASE_RATE = env.rate("PURCHASE_RATE", default="60/min")

# Wrong passwords in five minutes: per name and address, per address, per name (then fewer per address, never none).
SIGN_IN_FAILURES = env.int("SIGN_IN_FAILURES", default=10)
SIGN_IN_ADDRESS_FAILURES = env.int("SIGN_IN_ADDRESS_FAILURES", default=100)
SIGN_IN_NAME_FAILURES = env.int("SIGN_IN_NAME_FAILURES", default=50)
# Passwords that a web process checks simultaneously: each uses a processor for a third of a second or more.
SIGN_IN_CHECKS = max(1, env.int("SIGN_IN_CHECKS", default=1))

# Threads of a web process that may wait for Stripe simultaneously: by default a quarter, at least one.
STRIPE_WEB_CALLS = max(
    1, env.int("STRIPE_WEB_CALLS", default=env.int("GRANIAN_BLOCKING_THREADS", default=8) // 4)
)

# The webhook refuses larger bodies before reading them; Stripe's events have a few kilobytes.
WEBHOOK_MAX_BYTES = 1024 * 1024
# By path, without trailing slash; elsewhere DATA_UPLOAD_MAX_MEMORY_SIZE, Django's 2.5 MB, applies.
BODY_LIMITS = dict.fromkeys(["/api/v1/billing/credits/webhook", "/api/credits/webhook"], WEBHOOK_MAX_BYTES)
