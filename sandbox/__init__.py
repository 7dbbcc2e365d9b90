"""The outside world on localhost: a stand-in for Stripe and for an OpenID provider.

It imports nothing of the application and the application imports nothing of it; the two meet over HTTP only.
Start it with ``python -m sandbox --port 8001``.
"""
