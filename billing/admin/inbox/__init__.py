"""Staff's pages of the events that Stripe sent."""
