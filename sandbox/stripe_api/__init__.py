"""Answer Stripe's API, with Stripe's checks and Stripe's messages."""
