"""What the shop claims of its prices, and in which currency sales are summed up."""

from __future__ import annotations

from config.environment import Environment

env = Environment()

# For how many days a package must have been on sale in a currency before a sale that strikes the price before it.
STRUCK_PRICE_DAYS = env.int("STRUCK_PRICE_DAYS", default=30)
# The currency in which the dashboard also sums up sales, at Stripe's rates; empty: none.
REPORTING_CURRENCY = env("REPORTING_CURRENCY", default="").lower()
