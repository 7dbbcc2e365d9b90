"""Redemption codes, rewards for referrals, and reminders of checkouts."""

from __future__ import annotations

from config.environment import Environment

env = Environment()

# The key of the redemption codes' hashes; empty: SECRET_KEY. With another key, no code made before is known.
REDEMPTION_KEY = env("REDEMPTION_KEY", default="")
# Wrong redemption codes within an hour, by a user or for a team, and from one address.
REDEMPTION_FAILURES = env.int("REDEMPTION_FAILURES", default=10)
REDEMPTION_ADDRESS_FAILURES = env.int("REDEMPTION_ADDRESS_FAILURES", default=100)

# Credits for the referrer and for the referred user each; 0: there are no referrals.
REFERRAL_REWARD = env.amount("REFERRAL_REWARD", default="0")
# Days from the referred user's first payment to the reward, to leave time for refunds and disputes.
REFERRAL_WAIT_DAYS = env.int("REFERRAL_WAIT_DAYS", default=14)
# The most rewards of one referrer.
REFERRAL_CAP = env.int("REFERRAL_CAP", default=20)
# Days until the granted credits expire.
REFERRAL_VALID_DAYS = env.int("REFERRAL_VALID_DAYS", default=365)

# Email buyers who agreed to it when their checkout expires. Off, because such emails are advertising: who sends them
# needs a reason that the law of their country accepts, and says so in their privacy notice.
CHECKOUT_REMINDERS = env.bool("CHECKOUT_REMINDERS", default=False)
