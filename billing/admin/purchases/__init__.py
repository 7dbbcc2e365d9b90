"""Staff's pages of purchases, and of the payments, receipts, refunds and disputes that go with them."""
