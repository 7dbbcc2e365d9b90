"""Show the customer portal, on which customers manage their cards, details and invoices."""
