"""Staff's pages of what is charged again: saved cards, automatic top-ups and subscriptions."""
