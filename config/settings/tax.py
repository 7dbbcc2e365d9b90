"""Tax by Stripe Tax, and Stripe's promotion codes; see docs/tax.md."""

from __future__ import annotations

from config.environment import Environment

env = Environment()

# "stripe": Stripe Tax calculates the tax of each sale at the checkout. "off": no tax is calculated.
TAX = env.str("TAX", default="off")
# When a pack is taxed: "sale", when it is sold (a single-purpose voucher), or "spend", when its credits are spent (a
# multi-purpose voucher): then the sale carries no tax.
TAX_POINT = env.str("TAX_POINT", default="sale")
# Currencies whose prices include tax; in others it comes on top.
TAX_INCLUSIVE_CURRENCIES = [each.lower() for each in env.list("TAX_INCLUSIVE_CURRENCIES", default=[])]

# Whether the checkout takes Stripe's promotion codes, where none of our own discount codes was used.
STRIPE_PROMOTION_CODES = env.bool("STRIPE_PROMOTION_CODES", default=False)
