"""Staff's pages of what is for sale."""
