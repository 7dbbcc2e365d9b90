"""Simulate payments: what paying, refunding and disputing do to Stripe's objects, and which events they emit."""
