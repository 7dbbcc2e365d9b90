"""Stripe's HTTP API: routing, the checks every request meets, and one file per resource."""
