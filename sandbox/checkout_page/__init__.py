"""The hosted page a buyer pays on, as Stripe would show it, with test cards at hand."""
