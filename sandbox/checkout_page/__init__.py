"""Show the hosted page on which buyers pay, with test cards to choose from."""
