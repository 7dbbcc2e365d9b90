"""What a payment does: cards and their behaviour, and the steps from a payment intent to money."""
