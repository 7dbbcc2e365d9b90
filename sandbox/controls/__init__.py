"""``/_sandbox/``: what tests and people may do to the outside world. JSON in, JSON out."""
