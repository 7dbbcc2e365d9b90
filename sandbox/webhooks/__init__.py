"""Deliver events to the endpoints that want them: signed, each in its own request, with retries."""
