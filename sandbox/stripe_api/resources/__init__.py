"""Answer the calls of each resource of Stripe's API. Every module here is imported and declares its routes."""
