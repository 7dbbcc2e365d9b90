"""Read the facts we use from Stripe's JSON, whether it came by webhook or by call."""
